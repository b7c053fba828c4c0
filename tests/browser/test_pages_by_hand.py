"""What a person does with pages beside looking at them: keys, small windows, waiting; quickly, on small roots."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from storage.datasets import create_dataset
from storage.tiers import Tiers
from tests.browser.dashboards import dashboard_here
from tests.browser.pages import NewPage
from tests.browser.views import MENU, SMALL_VIEWS

PATIENCE = 20_000
"""Milliseconds after which a live page has asked anew even on a busy machine."""


def refreshed(page: Page, panel: Locator) -> None:
    """Wait until a live page shows what the server read later than what it shows now."""
    time = panel.locator(".as-of time").first
    shown = time.get_attribute("datetime")
    assert shown
    expect(time).not_to_have_attribute("datetime", shown, timeout=PATIENCE)


def test_the_first_key_offers_to_skip_to_the_content_and_the_next_ones_go_through_the_menu(
    new_page: NewPage, small_dashboard: str
):
    page = new_page(small_dashboard)
    page.goto("/models")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).not_to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("main").get_by_role("link").first).to_be_focused()
    page.goto("/models")
    for name in ("Skip to the content", "Imagemill", *MENU):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Disks and devices")


def test_rows_are_turned_over_by_the_arrow_keys_but_not_while_somebody_types(new_page: NewPage, small_dashboard: str):
    page = new_page(small_dashboard)
    page.goto("/datasets/photos/1/rows/3")
    for key, row in (("ArrowRight", 4), ("ArrowLeft", 3), ("ArrowLeft", 2)):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"row {row}")
        # Keys are listened to once the script is there.
        page.wait_for_load_state()
    page.goto("/datasets/photos/1/rows/0")
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("/rows/0$"))
    page.goto("/search?q=dog")
    page.get_by_role("searchbox").focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("q=dog$"))


def test_what_has_the_focus_keeps_it_while_the_page_renews_itself(new_page: NewPage, small_dashboard: str):
    page = new_page(small_dashboard)
    page.goto("/disks")
    for focused in (page.locator(".scroll"), page.get_by_role("link", name="photos", exact=True)):
        focused.focus()
        refreshed(page, page.locator(".panel").first)
        expect(focused).to_be_focused()


def test_a_table_that_was_pushed_aside_and_a_text_that_was_marked_stay_so_while_the_page_renews_itself(
    new_page: NewPage, small_dashboard: str
):
    page = new_page(small_dashboard, device="phone")
    page.goto("/disks")
    table = page.locator(".scroll")
    table.evaluate("each => { each.scrollLeft = 40; }")
    page.locator(".path").first.evaluate("each => getSelection().selectAllChildren(each)")
    marked = page.evaluate("getSelection().toString()")
    assert marked
    refreshed(page, page.locator(".panel").nth(2))
    assert table.evaluate("each => each.scrollLeft") == 40
    assert page.evaluate("getSelection().toString()") == marked


def test_a_line_that_comes_first_does_not_push_the_focus_on_to_another(new_page: NewPage, tmp_path: Path):
    (tmp_path / "slow").mkdir()
    tiers = Tiers(tmp_path / "slow", tmp_path / "slow")
    with dashboard_here(tiers) as url:
        page = new_page(url)
        page.goto("/datasets")
        create_dataset(tiers.slow, "middle", kind="images")
        link = page.get_by_role("link", name="middle", exact=True)
        expect(link).to_be_visible(timeout=PATIENCE)
        link.focus()
        create_dataset(tiers.slow, "first", kind="images")
        expect(page.get_by_role("link", name="first", exact=True)).to_be_visible(timeout=PATIENCE)
        expect(link).to_be_focused()
        new_page.close()


def test_ages_count_on_by_the_clock_of_the_server_whatever_the_one_of_the_browser_says(
    new_page: NewPage, small_dashboard: str
):
    page = new_page(small_dashboard)
    page.clock.install(time="2001-02-03T04:05:06Z")
    page.goto("/datasets/photos")
    age = page.locator("#versions-title ~ .as-of time")
    expect(age).to_have_text(re.compile(r"^[0-9] s ago$"))
    page.clock.fast_forward("50:00")
    expect(age).to_have_text("50 min ago")
    page.clock.fast_forward("01:10:00")
    expect(age).to_have_text("2 h ago")


@pytest.mark.parametrize("view", ["runs", "rows", "found by word"])
def test_without_scripts_a_view_has_its_text_its_menu_and_its_ages(new_page: NewPage, small_dashboard: str, view: str):
    page = new_page(small_dashboard, javascript="off", device="phone")
    page.goto(SMALL_VIEWS[view])
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_text(list(MENU))
    for title in MENU:
        expect(page.get_by_role("link", name=title, exact=True).first).to_be_in_viewport()
    expect(page.locator("main time.age, footer time.age").first).to_have_text(re.compile("ago$"))
