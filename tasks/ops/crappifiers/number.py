"""A number written on the picture, at a random place. A model that mends it has learned to paint over writing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.digits import ink_of
from tasks.ops.crappifiers.ranges import Range, WholeRange, check_choice, check_range, drawn, drawn_whole

INKS = ("white", "contrast")


@dataclass(frozen=True, slots=True)
class Number:
    """`values` are what may be written, 0 to 9,999; `size` is the font's, as a part of the image's shorter side.

    `ink` is "white", or "contrast": white on what is dark, black on what is bright.
    """

    values: WholeRange = (0, 99)
    size: Range = (0.1, 0.4)
    ink: str = "contrast"

    def __post_init__(self) -> None:
        check_range("values", self.values, 0, 9999)
        check_range("size", self.size, 0.01, 1)
        check_choice("ink", self.ink, INKS)


def numbered(image: NDArray[np.uint8], rng: np.random.Generator, parameters: Number) -> NDArray[np.uint8]:
    """Return the image with a drawn number written on it, all of it inside."""
    value, size = drawn_whole(rng, parameters.values), drawn(rng, parameters.size)
    return with_number(image, rng, value=value, size=size, ink=parameters.ink)


def with_number(
    image: NDArray[np.uint8], rng: np.random.Generator, *, value: int, size: float, ink: str
) -> NDArray[np.uint8]:
    """Return the image with `value` at a drawn place, in a font of `size` times the shorter side."""
    height, width, _ = image.shape
    mask = ink_of(str(value), round(size * min(height, width)), fits=(height, width))
    down, across = mask.shape
    top, left = drawn_whole(rng, (0, height - down)), drawn_whole(rng, (0, width - across))
    out = image.copy()
    under = out[top : top + down, left : left + across]
    tone = 255 if ink == "white" or under.mean() < 128 else 0
    levels = under.astype(np.int32)
    under[...] = levels + (tone - levels) * mask[:, :, None] // 255
    return out
