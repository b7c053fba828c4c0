"""Search by a picture, by whoever looks at pictures in a process of its own."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import axe_violations
from tests.browser.complaints import Complaints
from tests.browser.pages import NewPage
from tests.browser.views import see_all
from tests.oracles.conversions import encoded
from tests.tasks.ops.searchable import CAT, DOG, EACH, picture

pytestmark = pytest.mark.slow

TORCH_STARTS = 120_000
"""Milliseconds that the first answer may take."""
DROP = """(form, content) => {
    const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
    for (const kind of ["dragover", "drop"]) {
        form.dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
    }
}"""


def found(page: Page) -> list[str]:
    """Return the classes of the first pictures that were found."""
    expect(page.get_by_role("heading", name="Near this picture")).to_be_visible(timeout=TORCH_STARTS)
    return [each.inner_text() for each in page.locator("#result .caption").all()[:EACH]]


def test_a_picture_that_is_chosen_or_dropped_finds_its_nouns_and_pictures_like_it(
    new_page: NewPage, big_dashboard: str, tmp_path: Path
):
    page = new_page(big_dashboard)
    page.goto("/search")
    (tmp_path / "chosen.png").write_bytes(encoded(picture(DOG, 9), "PNG"))
    page.get_by_label("Or nouns for a picture").set_input_files(tmp_path / "chosen.png")
    assert found(page) == ["dog"] * EACH
    expect(page.locator(".nouns li").first).to_contain_text("dog")
    see_all(page)
    assert axe_violations(page) == []
    content = base64.b64encode(encoded(picture(CAT, 9), "PNG")).decode()
    page.locator("[data-drop]").evaluate(DROP, content)
    expect(page.locator(".nouns li").first).to_contain_text("cat", timeout=TORCH_STARTS)
    assert found(page) == ["cat"] * EACH
    page.locator(".nouns a").first.click()
    expect(page.get_by_role("searchbox", name="Pictures of")).to_have_value("cat")


def test_a_file_that_is_no_picture_is_told_of(
    new_page: NewPage, complaints: Complaints, big_dashboard: str, tmp_path: Path
):
    page = new_page(big_dashboard)
    page.goto("/search")
    (tmp_path / "page.png").write_bytes(b"<html>404</html>")
    page.get_by_label("Or nouns for a picture").set_input_files(tmp_path / "page.png")
    expect(page.get_by_role("alert")).to_contain_text("this", timeout=TORCH_STARTS)
    assert axe_violations(page) == []
    assert complaints.take("answer 422: .*/search/picture")
    complaints.take("console error: Failed to load resource.* 422 ")
