"""Every view of real published data and runs: no rule broken on any device, and all of it there without scripts."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from prefect.client.orchestration import get_client

from tests.browser.accessibility import axe_violations
from tests.browser.made_runs import HOSTILE_MESSAGE, HOSTILE_RUN
from tests.browser.pages import Device, NewPage, Scheme
from tests.browser.premises import Premises
from tests.browser.views import MENU, VIEWS, hidden_to_the_right, panels_without_age, see_all

pytestmark = pytest.mark.slow

DEVICES: tuple[Device, ...] = ("desktop", "phone")
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_breaks_no_rule_fits_the_window_and_tells_how_old_it_is(
    new_page: NewPage, big_dashboard: str, view: str
):
    for device, scheme in product(DEVICES, SCHEMES):
        page = new_page(big_dashboard, device=device, scheme=scheme)
        page.goto(VIEWS[view])
        see_all(page)
        assert axe_violations(page) == [], (device, scheme)
        assert hidden_to_the_right(page) <= 0, (device, scheme)
        assert panels_without_age(page) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_says_the_same_without_scripts(new_page: NewPage, big_dashboard: str, view: str):
    with_scripts, without = new_page(big_dashboard), new_page(big_dashboard, javascript="off")
    for page in (with_scripts, without):
        page.goto(VIEWS[view])
        expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_text(list(MENU))
    assert headings_of(without) == headings_of(with_scripts)


def headings_of(page: Page) -> list[str]:
    """Return the headings that a person sees."""
    return [each.inner_text() for each in page.get_by_role("heading").all() if each.is_visible()]


def test_without_scripts_both_pictures_stand_side_by_side_and_all_samples_below_each_other(
    new_page: NewPage, big_dashboard: str
):
    page = new_page(big_dashboard, javascript="off")
    page.goto("/models/superres")
    for stage in page.locator(".compare .stage").all():
        boxes = [half.bounding_box() for half in stage.locator("img").all()]
        first, second = (box for box in boxes if box)
        assert first["x"] + first["width"] <= second["x"]
    expect(page.locator("input[type=range]:visible")).to_have_count(0)
    samples = page.locator(".film img")
    assert samples.count() >= 3
    assert all(sample.is_visible() for sample in samples.all())


def test_runs_lead_to_their_pages_at_prefect(new_page: NewPage, big_dashboard: str, told_of_runs: str):
    page = new_page(big_dashboard)
    page.goto("/")
    pages = told_of_runs.removesuffix("/api")
    expect(page.get_by_role("link", name="Prefect's pages")).to_have_attribute("href", pages)
    with get_client(sync_client=True) as client:
        runs = {str(run.id): run.name for run in client.read_flow_runs(limit=200)}
    links = page.locator("#flows td a").all()
    assert len(links) >= 4
    for link in links:
        address = link.get_attribute("href") or ""
        assert address.startswith(f"{pages}/runs/flow-run/")
        name = runs[address.rpartition("/")[2]]
        assert link.inner_text() == name or name == HOSTILE_RUN


def test_runs_that_failed_are_told_of_with_their_reasons_as_text(new_page: NewPage, big_dashboard: str):
    page = new_page(big_dashboard)
    page.goto("/")
    wrong = page.locator("#failures")
    expect(wrong).to_contain_text("out of memory with 16 rows in a batch")
    expect(wrong).to_contain_text("3 of 116 images were refused")
    expect(wrong).to_contain_text(HOSTILE_RUN.partition("\u202e")[0])
    expect(wrong).to_contain_text(HOSTILE_MESSAGE.partition("\n")[0])
    expect(page.locator("#interrupted")).to_contain_text(re.compile(r"torn \d+ of 116 images"))
    expect(page.locator("#flows")).to_contain_text("verify-dataset: 0 5 * * *")


def test_the_disks_say_whose_copies_take_how_much(new_page: NewPage, big_dashboard: str, published: Premises):
    page = new_page(big_dashboard)
    page.goto("/disks")
    for root in (published.tiers.slow, published.tiers.fast):
        expect(page.locator(".panel .path", has_text=str(root))).to_be_visible()
    kept = kilobytes(published.tiers.fast / "pictures-numbers" / "objects")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="pictures-numbers", exact=True))
    expect(row.get_by_role("cell").last).to_have_text(kept)


def kilobytes(folder: Path) -> str:
    """Return the size of all files in a folder as a person writes it."""
    size = sum(path.stat().st_size for path in folder.iterdir())
    return f"{size / 1e6:.1f} MB"
