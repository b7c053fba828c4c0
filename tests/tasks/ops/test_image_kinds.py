"""What makes an image grey, dark, bright or flat, from pictures whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.ops.image_kinds import KINDS, image_kinds


def kinds_of(picture: NDArray[np.uint8]) -> set[str]:
    (found,) = image_kinds(picture[None])
    return {kind for kind, is_so in zip(KINDS, found, strict=True) if is_so}


def halves(one: tuple[int, int, int], other: tuple[int, int, int]) -> NDArray[np.uint8]:
    picture = np.empty((8, 8, 3), np.uint8)
    picture[:4], picture[4:] = one, other
    return picture


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (halves((0, 0, 0), (255, 255, 255)), {"grey"}),
        (halves((0, 0, 0), (20, 20, 20)), {"grey", "dark", "low contrast"}),
        (halves((255, 255, 255), (225, 225, 225)), {"grey", "bright", "low contrast"}),
        (halves((255, 0, 0), (0, 255, 0)), set()),
        # Luma .114 · 255 = 29 and 0: dark, and half of the difference is the deviation, 14.5.
        (halves((0, 0, 255), (0, 0, 0)), {"dark", "low contrast"}),
        # Luma 255 and 226 with half of the pixels yellow.
        (halves((255, 255, 255), (255, 255, 0)), {"bright", "low contrast"}),
    ],
)
def test_a_picture_is_of_the_kinds_that_a_person_would_say(picture: NDArray[np.uint8], expected: set[str]):
    assert kinds_of(picture) == expected


@pytest.mark.parametrize(
    ("below", "above", "kind"),
    [
        (halves((63, 63, 63), (63, 63, 63)), halves((65, 65, 65), (65, 65, 65)), "dark"),
        (halves((193, 193, 193), (193, 193, 193)), halves((191, 191, 191), (191, 191, 191)), "bright"),
        (halves((100, 100, 100), (138, 138, 138)), halves((100, 100, 100), (142, 142, 142)), "low contrast"),
        (halves((100, 100, 105), (100, 100, 105)), halves((100, 100, 107), (100, 100, 107)), "grey"),
    ],
)
def test_each_threshold_parts_what_lies_on_its_two_sides(below: NDArray[np.uint8], above: NDArray[np.uint8], kind: str):
    assert kind in kinds_of(below)
    assert kind not in kinds_of(above)


def test_many_images_have_a_row_each_and_other_shapes_are_refused():
    many = np.stack([halves((0, 0, 0), (255, 255, 255)), halves((255, 0, 0), (0, 255, 0))])
    assert image_kinds(many).tolist() == [[True, False, False, False], [False] * 4]
    assert image_kinds(many[:0]).shape == (0, 4)
    with pytest.raises(ValueError, match=r"expected \(n, h, w, 3\) uint8 RGB images, got \(8, 8, 3\)"):
        image_kinds(many[0])
