"""The sheet: each picture stands in its place over a bar as long as its cosine, in the colour of its role."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tasks.ops.search_results import Hit
from tasks.ops.search_sheet import BAR, COLOURS, COLUMNS, MARGIN, PAPER, THUMBNAIL, TRACK, search_sheet

LEVELS = [30 * number for number in range(8)]


def hits(cosines: list[float], roles: list[str], label: str = "golden_retriever") -> list[Hit]:
    return [
        Hit(row, cosine, "n02099601", label, role, f"{row}.png")
        for row, (cosine, role) in enumerate(zip(cosines, roles, strict=True))
    ]


def pictures(side: int) -> list[np.ndarray]:
    return [np.full((side, side, 3), level, np.uint8) for level in LEVELS]


def sheet(side: int = 64, photo: np.ndarray | None = None, lines: tuple[str, ...] = ("a breed",)) -> np.ndarray:
    found = hits([1.0, 0.5, 0.0, -0.3, 1.2, 0.25, 0.75, 0.1], ["seen", "unseen", "", "seen", *[""] * 4])
    return np.asarray(search_sheet(pictures(side), found, title="golden retriever", lines=lines, photo=photo))


def corners(drawn: np.ndarray) -> list[tuple[int, int]]:
    """Left and top of each picture, found by its level, `LEVELS` being drawn nowhere else so often."""
    found = []
    for level in LEVELS:
        is_picture = (drawn == level).all(axis=2)
        columns, rows = is_picture.sum(axis=0) >= THUMBNAIL, is_picture.sum(axis=1) >= THUMBNAIL
        found.append((int(columns.argmax()), int(rows.argmax())))
    return found


@pytest.mark.parametrize("side", [32, THUMBNAIL, 200])
def test_pictures_of_any_size_stand_in_their_order_six_to_a_row(side: int):
    places = corners(sheet(side))
    assert [left for left, _ in places[:COLUMNS]] == sorted({left for left, _ in places})
    assert len({top for _, top in places[:COLUMNS]}) == 1
    assert [left for left, _ in places[COLUMNS:]] == [left for left, _ in places[:2]]
    assert places[COLUMNS][1] > places[0][1] + THUMBNAIL


def test_the_bar_is_as_long_as_the_cosine_and_has_the_colour_of_the_role():
    drawn = sheet()
    for (left, top), length, role in zip(
        corners(drawn), [128, 64, 0, 0, 128, 32, 96, 13], ["seen", "unseen", "", "seen", *[""] * 4], strict=True
    ):
        bars = drawn[top + THUMBNAIL : top + THUMBNAIL + BAR, left : left + THUMBNAIL]
        assert (bars[:, :length] == COLOURS[role]).all()
        assert (bars[:, length:] == TRACK).all()


def test_a_caption_stays_below_its_picture_however_long_it_is_and_whatever_it_holds():
    drawn = sheet(lines=("two\nlines", "é☃ \x1b[31m", "w" * 500))
    left, top = corners(drawn)[0]
    gap = drawn[:, left + THUMBNAIL : left + THUMBNAIL + MARGIN]
    assert (gap == PAPER).all(axis=2)[top:].all()
    found = hits([0.5] * 8, ["seen"] * 8, label="a_class_with_a_name_that_no_cell_has_room_for " * 20)
    long = np.asarray(search_sheet(pictures(64), found, title="x" * 300, lines=[]))
    left, top = corners(long)[0]
    assert (long[top:, left + THUMBNAIL : left + THUMBNAIL + MARGIN] == PAPER).all()
    caption = long[top + THUMBNAIL + BAR : top + THUMBNAIL + BAR + 15, left : left + THUMBNAIL]
    assert (caption != PAPER).any()


def test_the_picture_that_was_asked_for_stands_at_the_top_left_and_the_title_beside_it():
    photo = np.full((48, 48, 3), (255, 0, 255), np.uint8)
    drawn = sheet(photo=photo)
    assert (drawn[MARGIN : MARGIN + THUMBNAIL, MARGIN : MARGIN + THUMBNAIL] == (255, 0, 255)).all()
    assert (drawn == (255, 0, 255)).all(axis=2).sum() == THUMBNAIL**2
    beside = drawn[: MARGIN + THUMBNAIL, 2 * MARGIN + THUMBNAIL :]
    assert (beside != PAPER).any()
    assert corners(drawn)[0][1] >= MARGIN + THUMBNAIL


def test_nothing_found_is_a_sheet_with_the_title_alone():
    empty = search_sheet([], [], title="dog", lines=[])
    assert isinstance(empty, Image.Image)
    assert (np.asarray(empty) != PAPER).any()
