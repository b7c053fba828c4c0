"""One thing that cannot be read is told where it would stand; the rest of the page, and all other pages, are shown."""

from __future__ import annotations

import re
from pathlib import Path

from tests.dashboard.asking import Markup
from tests.dashboard.conftest import visitor_of
from tests.dashboard.small_roots import Roots
from tests.storage.test_records import sealed_by_hand

PAGES = ("/", "/datasets", "/words", "/models", "/search", "/disks")


def told(roots: Roots, path: str) -> str:
    """Return what a page says, which has to be shown, and all pages of the menu with it."""
    with visitor_of(roots) as visitor:
        assert [visitor.get(page).status for page in PAGES] == [200] * len(PAGES)
        answer = visitor.get(path)
        assert (answer.status, answer.error) == (200, None)
        return Markup(answer.text).text


def shorten(folder: Path, pattern: str) -> None:
    paths = list(folder.glob(pattern))
    assert paths
    for path in paths:
        path.write_bytes(path.read_bytes()[:-1])


def test_a_fast_disk_that_cannot_be_read(roots: Roots):
    objects = roots.tiers.cache("photos").objects
    for path in objects.iterdir():
        path.unlink()
    objects.rmdir()
    objects.symlink_to(objects)
    page = told(roots, "/datasets/photos")
    assert "Too many levels of symbolic links" in page
    assert "What it is" in page


def test_a_report_of_what_was_refused_that_is_damaged(roots: Roots):
    shorten(roots.folder("hostile").objects, "refused*")
    page = told(roots, "/datasets/hostile")
    assert "is not the report that was published" in page
    assert "Classes" in page


def test_rows_that_are_damaged_leave_a_dataset_and_its_models_to_look_at(roots: Roots):
    shorten(roots.folder("photos-plain").objects, "rows*")
    for path, rest in (("/datasets/photos-plain", "Versions"), ("/models/faces", "How it learnt")):
        page = told(roots, path)
        assert "imagemill repair photos-plain" in page
        assert rest in page


def test_word_maps_that_are_damaged(roots: Roots):
    folder = roots.folder("words")
    shorten(folder.objects, "nouns*")
    page = told(roots, "/words")
    assert str(folder.path) in page
    assert "repair words" in page


def test_a_model_of_a_newer_imagemill(roots: Roots):
    path = roots.folder("model-devise").version(1)
    found = re.search(r'"kind":"(\w+)".*?"body":(.*)}', path.read_text())
    assert found
    path.write_bytes(sealed_by_hand(found[1], 3, found[2]))
    assert "Use the version that wrote it" in told(roots, "/models")
