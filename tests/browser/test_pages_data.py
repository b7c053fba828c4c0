"""Datasets, their rows and words, as the premises' real ones are shown: what was published is what is there."""

from __future__ import annotations

import io
import os
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from storage.reading import open_version
from tests.browser.pages import NewPage
from tests.browser.picture_tree import HOSTILE_CLASSES, MARKUP, SCRIPT
from tests.browser.premises import Premises
from tests.browser.views import see_all

pytestmark = pytest.mark.slow

PAGE_ROWS = 60


def test_each_version_shows_its_own_classes(new_page: NewPage, big_dashboard: str):
    page = new_page(big_dashboard)
    page.goto("/datasets/pictures")
    expect(page.locator(".classes li")).to_have_count(16)
    page.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("pictures version 1")
    expect(page.locator(".classes li")).to_have_count(14)


def test_what_was_refused_is_told_with_names_reasons_and_what_to_do(new_page: NewPage, big_dashboard: str):
    page = new_page(big_dashboard)
    page.goto("/datasets/pictures")
    refused = page.locator("section", has=page.get_by_role("heading", name="Refused", exact=True))
    for reason, remedy, end in (
        ("1 empty", "What to do: fetch it again.", "-empty.jpg"),
        ("1 truncated", "What to do: ", "-cut.jpg"),
        ("1 unknown-format", "What to do: ", "-page.jpg"),
    ):
        group = refused.locator("details").filter(has_text=reason)
        expect(group.get_by_role("table")).not_to_be_visible()
        group.locator("summary").click()
        expect(group).to_contain_text(remedy)
        expect(group.get_by_role("table")).to_contain_text(os.fsdecode(SCRIPT) + "/" + os.fsdecode(MARKUP) + end)


def test_a_square_is_filled_for_each_shard_that_has_a_copy_on_the_fast_disk(new_page: NewPage, big_dashboard: str):
    page = new_page(big_dashboard)
    for dataset, shards, staged in (("pictures", 5, 0), ("pictures-numbers", None, None)):
        page.goto(f"/datasets/{dataset}")
        squares = page.locator(".squares rect")
        count = squares.count()
        assert shards in (count, None)
        expect(page.locator(".squares rect.fast")).to_have_count(count if staged is None else staged)
        expect(page.get_by_role("img", name=re.compile(rf"of {count} shards"))).to_be_visible()


def test_rows_are_paged_through_from_the_first_to_the_last(new_page: NewPage, big_dashboard: str, published: Premises):
    with open_version(published.tiers, "pictures") as version:
        rows = len(version)
    page = new_page(big_dashboard)
    page.goto("/datasets/pictures/2/rows")
    expect(page.locator(".thumb")).to_have_count(PAGE_ROWS)
    expect(page.get_by_role("link", name="Previous")).to_have_count(0)
    page.get_by_role("link", name="Last").click()
    expect(page.locator(".thumb")).to_have_count(rows % PAGE_ROWS)
    expect(page.locator(".pages")).to_contain_text(f"to {rows}")
    expect(page.get_by_role("link", name="Next")).to_have_count(0)
    # Keys are listened to once the script is there.
    page.wait_for_load_state()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".pages")).to_contain_text(f"Rows {rows - rows % PAGE_ROWS - PAGE_ROWS + 1} to")
    page.wait_for_load_state()
    page.keyboard.press("ArrowRight")
    page.get_by_role("link", name="First").click()
    expect(page.locator(".pages")).to_contain_text("Rows 1 to 60")


def test_a_class_is_chosen_and_only_its_rows_are_shown(new_page: NewPage, big_dashboard: str, published: Premises):
    with open_version(published.tiers, "pictures") as version:
        label = version.classes.index(os.fsdecode(HOSTILE_CLASSES[1]))
        rows = np.flatnonzero(version.labels == label).tolist()
    page = new_page(big_dashboard)
    page.goto("/datasets/pictures/2/rows")
    page.get_by_label("Class").select_option(str(label))
    page.get_by_role("button", name="Show").click()
    links = page.locator(".thumb a").evaluate_all("all => all.map(each => Number(each.href.split('/').pop()))")
    assert links == rows


def test_a_row_is_shown_in_its_exact_pixels_with_where_it_comes_from(
    new_page: NewPage, big_dashboard: str, published: Premises
):
    page = new_page(big_dashboard)
    page.goto("/datasets/pictures/2/rows/7")
    see_all(page)
    with open_version(published.tiers, "pictures") as version:
        expect(page.locator("dd.path")).to_have_text(version.path(7))
        for place, side in enumerate(version.sides):
            image = page.locator("img.exact").nth(place)
            assert np.array_equal(pixels_of(page, image.get_attribute("src")), version.rows(side)[7])


def pixels_of(page: Page, path: str | None) -> np.ndarray:
    """Return the pixels of a picture of the server."""
    assert path
    return np.asarray(Image.open(io.BytesIO(page.request.get(path).body())).convert("RGB"))


def test_words_near_a_word_come_with_their_meaning_and_lead_on(new_page: NewPage, big_dashboard: str):
    page = new_page(big_dashboard)
    page.goto("/words")
    page.get_by_role("searchbox", name="Word").fill("cat")
    page.get_by_role("button", name="Look").click()
    near = page.locator(".near li")
    expect(near).to_have_count(2)
    expect(near.first).to_contain_text("a thing")
    page.get_by_role("link", name="dog").click()
    expect(page.get_by_role("searchbox", name="Word")).to_have_value("dog")
    expect(page.locator("main")).to_contain_text("n00000020")
    expect(page.get_by_role("table")).to_contain_text("no vector")
