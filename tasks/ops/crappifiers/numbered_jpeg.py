"""Lesson 7 of fast.ai's course-v3: the quality is written on the image, which is then compressed with it.

How well a model does at each quality can afterwards be read off its pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.jpeg import at_quality
from tasks.ops.crappifiers.number import INKS, with_number
from tasks.ops.crappifiers.ranges import Range, WholeRange, check_choice, check_range, drawn, drawn_whole


@dataclass(frozen=True, slots=True)
class NumberedJpeg:
    """`quality` as of `jpeg`; `size` and `ink` as of `number`.

    The lesson's font is one of 11 pixels, white, on images of 96 pixels.
    """

    quality: WholeRange = (10, 70)
    size: Range = (0.115, 0.115)
    ink: str = "white"

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)
        check_range("size", self.size, 0.01, 1)
        check_choice("ink", self.ink, INKS)


def numbered_and_recompressed(
    image: NDArray[np.uint8], rng: np.random.Generator, parameters: NumberedJpeg
) -> NDArray[np.uint8]:
    """Return the image with a drawn quality written on it, after a JPEG of that quality."""
    quality, size = drawn_whole(rng, parameters.quality), drawn(rng, parameters.size)
    return at_quality(with_number(image, rng, value=quality, size=size, ink=parameters.ink), quality)
