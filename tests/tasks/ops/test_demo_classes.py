"""The table of emoji and synsets is sound, and the font can draw all of it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tasks.ops.demo_classes import TABLE, demo_classes
from tasks.ops.demo_scenes import glyph
from tasks.ops.demo_spec import DemoSpec
from tasks.ops.emoji_font import find_emoji_font


def test_there_are_525_synsets_and_each_drawing_shows_one_of_them():
    classes = demo_classes()
    assert len(classes) == len({each.wnid for each in classes}) == 525
    drawings = Counter(point for each in classes for point in each.codepoints)
    assert set(drawings.values()) == {1}


def test_every_row_is_a_wnid_a_codepoint_and_a_lemma():
    header, *rows = TABLE.read_text(encoding="utf-8").splitlines()
    assert header == "wnid\tcodepoint\tlemma"
    assert all(re.fullmatch(r"n\d{8}\t[0-9A-F]{4,5}\t[A-Za-z_'-]+", row) for row in rows)


def test_the_font_draws_every_codepoint():
    font = find_emoji_font()
    for each in demo_classes():
        for point in each.codepoints:
            assert min(glyph(font, point).size) > 20


def test_a_codepoint_without_a_drawing_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="no drawing for U\\+0020"):
        glyph(find_emoji_font(), 0x20)


def test_the_first_hundred_classes_are_a_mixture():
    lemmas = {each.lemma for each in demo_classes()[:100]}
    wnids = Counter(each.wnid[:3] for each in demo_classes()[:100])
    assert len(lemmas) == 100
    assert {"n01", "n02", "n03", "n04", "n07"} <= set(wnids)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"classes": 0}, "1 to 525 classes, got 0"),
        ({"classes": 526}, "1 to 525 classes, got 526"),
        ({"images_per_class": 0}, "at least 1 image, got 0"),
        ({"scale": "huge"}, "one of full, small, got 'huge'"),
        ({"seed": -1}, "0 or more, got -1"),
    ],
)
def test_an_impossible_spec_is_refused(wrong: dict, message: str):
    with pytest.raises(ValueError, match=message):
        DemoSpec(**wrong)
