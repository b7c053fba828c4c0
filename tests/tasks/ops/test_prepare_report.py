"""The card tells the figures, shows the pictures, and lets no name of a file or folder become markup."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from PIL import Image

from storage import open_version
from storage.refused import Reason, Refused
from storage.versions import Version
from tasks.ops.class_words import class_word
from tasks.ops.contact_sheet import contact_sheet
from tasks.ops.markdown import code_span
from tasks.ops.prepare_report import BuildFigures, card_markdown, sample_sheet
from tasks.ops.refusal_report import Refusals, report_refused

FIGURES = BuildFigures(images=1200, seconds=4.0, cpu_seconds=3.0)
SHEET = Image.new("RGB", (40, 30), (200, 10, 10))
HOSTILE = "a|b`c`<script>alert(1)</script>[x](javascript:y)*_#!\\&"


def card(published, version: Version | None = None, figures: BuildFigures = FIGURES) -> str:
    refusals = report_refused(published.folder, published.plan, published.folder.tmp)
    return card_markdown(published.tiers, "photos", version or published.version, refusals, figures, SHEET)


def test_the_card_has_the_figures_of_the_version(published):
    text = card(published)
    for line in (
        "# photos, version 1",
        f"| version | 1 (`{published.version.identity[:16]}`) |",
        "| stored + refused = listed | 3 + 2 = 5 |",
        "| classes | 2 |",
        "| sizes | 16, 8 px, hdf5, exact |",
        "| shards | 2 |",
        "| built in this run | 1,200 images, 300 images/s, 2.50 CPU ms per image |",
        "| libraries | pillow 12.0 |",
        "| empty | 1 |",
        "| unknown-format | 1 |",
        f"All of them: `{published.folder.refused(published.plan.identity)}`",
        "    images = version.rows(16)[0:64]   # (64, side, side, 3) uint8 RGB",
    ):
        assert line in text.splitlines(), line


def test_a_run_that_built_nothing_and_refused_nothing_says_so(published):
    figures = BuildFigures(images=0, seconds=0.0, cpu_seconds=0.0)
    refusals = Refusals({}, (), 3, published.folder.refused("0" * 32))
    text = card_markdown(published.tiers, "photos", published.version, refusals, figures, SHEET)
    assert "| built in this run | nothing: every shard was there |" in text
    assert "## Refused images\n\nNone.\n" in text
    assert (figures.images_per_second, figures.cpu_ms_per_image) == (0.0, 0.0)


def shown_cells(markdown: str) -> list[list[str]]:
    """Return the text of every row of every table, as a page shows it; raises if a name became markup."""
    page = MarkdownIt("commonmark").enable("table").render(markdown)
    assert "<script" not in page
    assert "<a " not in page
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [
        [html.unescape(re.sub(r"</?code>", "", cell)) for cell in re.findall(r"<t[dh]>(.*?)</t[dh]>", row, re.DOTALL)]
        for row in rows
    ]


def test_the_card_names_refused_images_and_no_name_becomes_markup(published):
    refused = Refused(0, f"cat/{HOSTILE}.jpg", Reason.CORRUPT, f"PNG: {HOSTILE}")
    refusals = Refusals({"corrupt": 1}, (refused,), 5, published.folder.refused("0" * 32))
    text = card_markdown(published.tiers, "photos", published.version, refusals, FIGURES, SHEET)
    assert [f"cat/{HOSTILE}.jpg", f"corrupt: PNG: {HOSTILE}"] in shown_cells(text)


def test_the_picture_in_the_card_is_a_whole_jpeg(published):
    found = re.search(r"!\[contact sheet\]\(data:image/jpeg;base64,([A-Za-z0-9+/=]+)\)", card(published))
    assert found is not None
    with Image.open(io.BytesIO(base64.b64decode(found[1], validate=True)), formats=["JPEG"]) as image:
        image.load()
        assert image.size == SHEET.size
        assert np.abs(np.asarray(image).astype(int).mean((0, 1)) - (200, 10, 10)).max() < 3


@given(st.text(alphabet="a|`\\\\<>*_[]()#&;! ", min_size=1).map(str.strip).filter(bool))
@example(HOSTILE)
@example("n01440764/n01440764_10026.JPEG")
@example("`")
def test_any_name_is_shown_as_it_is(name: str):
    (_, cells) = shown_cells(f"| name |\n|---|\n| {code_span(name)} |")
    assert cells == [name]


def test_a_source_with_a_hostile_name_stays_one_cell(published):
    text = card(published, replace(published.version, source=f"/data/{HOSTILE}"))
    assert ["source", f"/data/{HOSTILE}"] in shown_cells(text)


def test_a_contact_sheet_shows_each_picture_over_its_caption():
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0], [255, 255, 0]], np.uint8)
    images = np.broadcast_to(colours[:, None, None], (5, 20, 20, 3))
    sheet = contact_sheet(images, ["one", "two", "three", "four", "five"], columns=3, thumbnail=20)
    # 3 columns of 20 pixels, 2 rows of 20 and a caption of 14, a margin of 6 around each.
    assert sheet.size == (3 * 26 + 6, 2 * 40 + 6)
    pixels = np.asarray(sheet)
    for place, colour in enumerate(colours):
        left, top = 6 + place % 3 * 26, 6 + place // 3 * 40
        assert (pixels[top : top + 20, left : left + 20] == colour).all()
        assert (pixels[top + 20 : top + 34, left : left + 20] < 128).any(), "no caption"
    assert (pixels[46:66, 58:78] == pixels[0, 0]).all()


def test_pictures_of_another_size_are_scaled_to_the_thumbnail():
    images = np.full((1, 50, 50, 3), 9, np.uint8)
    pixels = np.asarray(contact_sheet(images, [""], columns=1, thumbnail=20))
    assert (pixels[6:26, 6:26] == 9).all()
    assert (pixels[5] == pixels[0, 0]).all()


@pytest.mark.parametrize("caption", ["W" * 500, "犬", "", "\\xff"])
def test_no_caption_spoils_the_sheet_or_reaches_the_next_picture(caption: str):
    images = np.zeros((2, 20, 20, 3), np.uint8)
    pixels = np.asarray(contact_sheet(images, [caption, ""], columns=2, thumbnail=20))
    assert (pixels[26:40, 27:32] == pixels[0, 0]).all()


def test_a_sheet_of_no_picture_is_a_strip_of_paper():
    sheet = contact_sheet(np.empty((0, 20, 20, 3), np.uint8), [], columns=4, thumbnail=20)
    assert sheet.size == (4 * 26 + 6, 6)


def test_the_sample_shows_the_first_rows_of_a_version(published):
    with open_version(published.tiers, "photos") as opened:
        sheet = sample_sheet(opened, images=2)
        whole = sample_sheet(opened)
        first = Image.fromarray(opened.rows(16)[0:1][0]).resize((80, 80), Image.Resampling.LANCZOS)
    assert sheet.size == whole.size == (12 * 86 + 6, 100 + 6)
    assert np.array_equal(np.asarray(sheet)[6:86, 6:86], np.asarray(first))
    assert (np.asarray(sheet)[6:86, 178:258] == 250).sum() > 0
    assert not np.array_equal(np.asarray(sheet), np.asarray(whole))


def test_a_class_of_the_demonstration_set_has_a_word_and_any_other_is_its_own():
    assert class_word("n01944390") == "snail"
    assert class_word("my class") == "my class"
