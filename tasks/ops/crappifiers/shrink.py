"""Fewer pixels: the shorter side is scaled down to a number of pixels, or to a part of it, and back up if asked."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.ops.crappifiers.ranges import check_choice
from tasks.ops.pillow_internals import resize_and_cut
from tasks.ops.resize import INTERPOLATIONS

LARGEST_SIDE = 8192
STAYS = "none"
"""The value of `enlarge` that leaves the image small."""
_PART = re.compile(r"1/([1-9][0-9]?)")


@dataclass(frozen=True, slots=True)
class Shrink:
    """`side` is the shorter side afterwards: pixels, or a part of what it was, such as "1/4".

    `interpolation` scales down, `enlarge` scales back up to the size that the image had, unless it is "none".
    """

    side: int | str
    interpolation: str = "bilinear"
    enlarge: str = STAYS

    def __post_init__(self) -> None:
        check_side("side", self.side)
        check_choice("interpolation", self.interpolation, INTERPOLATIONS)
        check_choice("enlarge", self.enlarge, (STAYS, *INTERPOLATIONS))


def shrunk(image: NDArray[np.uint8], rng: np.random.Generator, parameters: Shrink) -> NDArray[np.uint8]:
    """Return the image with its shorter side scaled down; one that is no larger than that keeps its size.

    Lengths are rounded down to whole pixels, as fast.ai's `resize_to` does (course-v3, lesson 7).
    """
    height, width, _ = image.shape
    shorter = min(height, width)
    side = side_after(parameters.side, shorter)
    if side >= shorter:
        return image.copy()
    small = _scaled(image, (int(width * side / shorter), int(height * side / shorter)), parameters.interpolation)
    return small if parameters.enlarge == STAYS else _scaled(small, (width, height), parameters.enlarge)


def side_after(side: int | str, whole: int) -> int:
    """Return `side` in pixels, at least 1, where it is a number of them or a part, such as "1/4", of `whole`."""
    return side if isinstance(side, int) else max(1, whole // int(side.removeprefix("1/")))


def check_side(key: str, side: int | str) -> None:
    """Raise ValueError unless `side` is a number of pixels or a part such as "1/4"."""
    fits = 1 <= side <= LARGEST_SIDE if isinstance(side, int) else _PART.fullmatch(side)
    if not fits:
        raise ValueError(f'{key} must be 1 to {LARGEST_SIDE} pixels, or a part such as "1/4", got {side!r}')


def _scaled(image: NDArray[np.uint8], size: tuple[int, int], interpolation: str) -> NDArray[np.uint8]:
    """Return the image scaled to `size` (width, height)."""
    height, width, _ = image.shape
    out = np.empty((size[1], size[0], 3), np.uint8)
    whole = (0, 0, width, height)
    resize_and_cut(Image.fromarray(image), size, INTERPOLATIONS[interpolation], box=whole, corner=(0, 0), out=out)
    return out
