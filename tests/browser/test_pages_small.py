"""Every view on small roots, quickly: it loads without complaint, breaks no rule, and shows what is there as text."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from storage.receipts import Receipt
from storage.tiers import Tiers
from tasks.ops.shard_building import DecodingGuard, ShardJob, build_shard
from tests.browser.accessibility import axe_violations
from tests.browser.complaints import Complaints
from tests.browser.dashboards import TOKEN, dashboard_here
from tests.browser.pages import Device, NewPage, Scheme
from tests.browser.picture_tree import MARKUP, SCRIPT
from tests.browser.views import MENU, SMALL_VIEWS, hidden_to_the_right, menu_shows, panels_without_age, see_all
from tests.faults.bare_prepare import BareJob, prepare
from tests.oracles.conversions import encoded
from tests.tasks.ops.prepared_images import add_files
from tests.tasks.ops.searchable import CAT, DOG, EACH, picture

EMPTY = {
    "Runs": ("Nothing was published yet", "imagemill demo --root demo"),
    "Datasets": ("There is no dataset yet", "imagemill prepare FOLDER --dataset NAME"),
    "Words": ("There are no word maps yet", "imagemill words --dataset NAME"),
    "Models": ("No model was trained yet", "imagemill train superres"),
    "Search": ("There is nothing to search with yet", "imagemill train devise"),
    "Disks": ("It is not there: nothing was published yet", ""),
}


@pytest.mark.parametrize("view", SMALL_VIEWS)
@pytest.mark.parametrize(("device", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_a_view_is_whole_breaks_no_rule_and_tells_how_old_it_is(
    new_page: NewPage, small_dashboard: str, view: str, device: Device, scheme: Scheme
):
    page = new_page(small_dashboard, device=device, scheme=scheme)
    page.goto(SMALL_VIEWS[view])
    see_all(page)
    assert axe_violations(page) == []
    assert panels_without_age(page) == []
    assert hidden_to_the_right(page) <= 0


def test_the_menu_leads_to_every_page_and_says_which_one_it_is(new_page: NewPage, small_dashboard: str):
    page = new_page(small_dashboard)
    page.goto("/")
    for title in MENU:
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=title, exact=True).click()
        menu_shows(page, title)


def test_words_find_the_pictures_of_their_class(new_page: NewPage, small_dashboard: str):
    page = new_page(small_dashboard)
    page.goto("/search")
    page.get_by_role("searchbox", name="Pictures of").fill("domestic dog")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2)).to_contain_text("domestic dog")
    found = page.locator("#result .grid img")
    assert [name.partition(",")[0] for name in alternatives(page)][:EACH] == ["dog"] * EACH
    expect(found.first).to_have_attribute("alt", alternatives(page)[0])
    assert reddest(page) > 1.5, "a dog is a red picture"


def alternatives(page: Page) -> list[str]:
    """Return what stands for the pictures that were found."""
    return page.locator("#result .grid img").evaluate_all("images => images.map(each => each.alt)")


def reddest(page: Page) -> float:
    """Return how much more red than green the first picture is, as it is drawn."""
    see_all(page)
    return page.locator("#result .grid img").first.evaluate(
        "image => { const paper = new OffscreenCanvas(1, 1).getContext('2d'); paper.drawImage(image, 0, 0, 1, 1);"
        " const [red, green] = paper.getImageData(0, 0, 1, 1).data; return red / (green + 1); }"
    )


def test_a_word_that_nobody_knows_is_met_by_those_that_may_be_meant(new_page: NewPage, small_dashboard: str):
    page = new_page(small_dashboard)
    for path in ("/search?q=anmal", "/words?word=anmal"):
        page.goto(path)
        expect(page.get_by_role("alert")).to_contain_text("animal")


def test_hostile_names_are_shown_as_text_wherever_they_stand(new_page: NewPage, small_dashboard: str):
    page = new_page(small_dashboard)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    markup, script = os.fsdecode(MARKUP), os.fsdecode(SCRIPT)
    page.goto("/datasets/hostile")
    see_all(page)
    expect(page.locator(".classes")).to_contain_text(script)
    expect(page.locator(".classes")).to_contain_text(markup)
    expect(page.locator("td.path")).to_contain_text(f"{script}/{markup}-page.jpg")
    page.get_by_role("link", name=markup).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(markup)
    page.locator(".thumb a").first.click()
    expect(page.locator("dd.path")).to_contain_text(f"{markup}/{markup}-")
    assert page.locator("main script, main [onerror], main [onmouseover], main img[src='x']").count() == 0


def test_a_build_moves_on_before_the_eyes_of_who_looks_and_then_its_version_is_there(new_page: NewPage, tmp_path: Path):
    names = (DOG, CAT)
    files = {f"{name}/{number}.png": encoded(picture(name, number), "PNG") for name in names for number in range(4)}
    add_files(tmp_path / "source", files)
    root = tmp_path / "slow"
    root.mkdir()
    with dashboard_here(Tiers(root, root)) as url:
        page = new_page(url)
        page.goto("/")
        page.evaluate("window.isTheSame = true")
        at_work = page.locator("#at-work")
        expect(at_work).to_contain_text("Nothing is at work")

        def watched(jobs: Iterable[ShardJob]) -> Iterable[Receipt]:
            guard, done = DecodingGuard(), 0
            for job in jobs:
                expect(at_work).to_contain_text(f"{done} of 8")
                receipt = build_shard(job, guard)
                done += receipt.listed
                yield receipt

        job = BareJob(str(tmp_path / "source"), str(root), "photos", rows_per_shard=3)
        assert prepare(job, build=watched)["status"] == "published"
        expect(at_work).to_contain_text("Nothing is at work")
        expect(page.locator("#published")).to_contain_text("photos version 1", timeout=15_000)
        assert page.evaluate("window.isTheSame"), "the page was loaded anew"
        new_page.close()


def test_an_empty_root_is_told_of_with_the_commands_to_run(new_page: NewPage, tmp_path: Path):
    with dashboard_here(Tiers(tmp_path / "none", tmp_path / "none")) as url:
        page = new_page(url)
        for title, (said, command) in EMPTY.items():
            page.goto("/" if title == "Runs" else f"/{title.lower()}")
            expect(page.locator("main")).to_contain_text(said)
            expect(page.locator("main")).to_contain_text(command)
            assert axe_violations(page) == []
            assert panels_without_age(page) == []
        new_page.close()
    assert not (tmp_path / "none").exists()


def test_behind_a_token_nothing_is_shown_until_the_right_one_was_typed(
    new_page: NewPage, complaints: Complaints, small_roots: Tiers
):
    with dashboard_here(small_roots, token=TOKEN) as url:
        page = new_page(url, device="phone", scheme="dark")
        page.goto("/datasets/photos")
        field, alert = page.get_by_label("Token of this dashboard"), page.get_by_role("alert")
        expect(field).to_be_focused()
        expect(alert).to_have_count(0)
        expect(page.get_by_text("photos")).to_have_count(0)
        assert axe_violations(page) == []
        page.keyboard.type("not the token at all")
        page.keyboard.press("Enter")
        expect(alert).to_have_text("That was not the token.")
        assert axe_violations(page) == []
        field.fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        menu_shows(page, "Runs")
        page.goto("/datasets/photos")
        expect(page.get_by_role("heading", level=1)).to_contain_text("photos")
        new_page.close()
    assert complaints.take("answer 401: .*/(datasets/photos|sign-in)$")
    complaints.take("console error: Failed to load resource.* 401 ")


def test_what_is_not_there_is_told_with_a_way_back(new_page: NewPage, complaints: Complaints, small_dashboard: str):
    page = new_page(small_dashboard)
    for path in ("/nowhere", "/datasets/none", "/datasets/photos/1/rows/999", "/models/none"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Not found")
        expect(page.get_by_role("link", name="To the runs")).to_be_visible()
    assert axe_violations(page) == []
    assert len(complaints.take("answer 404")) == 4
    complaints.take("console error: Failed to load resource.* 404 ")
