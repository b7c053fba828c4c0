"""Squares that are missing, for a model to paint what may have been there (DeVries, Taylor 2017, arXiv:1708.04552)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.ranges import Range, WholeRange, check_choice, check_range, drawn, drawn_whole

FILLS = {"grey": 128, "black": 0, "white": 255}


@dataclass(frozen=True, slots=True)
class Cutout:
    """`count` of squares; `side` as a part of the image's shorter side; `fill` is "grey", "black" or "white"."""

    count: WholeRange = (1, 3)
    side: Range = (0.1, 0.3)
    fill: str = "grey"

    def __post_init__(self) -> None:
        check_range("count", self.count, 0, 1000)
        check_range("side", self.side, 0, 1)
        check_choice("fill", self.fill, FILLS)


def cut_out(image: NDArray[np.uint8], rng: np.random.Generator, parameters: Cutout) -> NDArray[np.uint8]:
    """Return the image without some squares, each at least a pixel wide and all of it inside."""
    height, width, _ = image.shape
    out = image.copy()
    for _ in range(drawn_whole(rng, parameters.count)):
        side = max(1, round(drawn(rng, parameters.side) * min(height, width)))
        top, left = drawn_whole(rng, (0, height - side)), drawn_whole(rng, (0, width - side))
        out[top : top + side, left : left + side] = FILLS[parameters.fill]
    return out
