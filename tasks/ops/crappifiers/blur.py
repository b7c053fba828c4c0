"""Out of focus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tasks.ops.crappifiers.ranges import Range, check_range, drawn


@dataclass(frozen=True, slots=True)
class Blur:
    """`radius` is the standard deviation of the Gaussian in pixels."""

    radius: Range = (0.5, 2.0)

    def __post_init__(self) -> None:
        check_range("radius", self.radius, 0, 64)


def blurred(image: NDArray[np.uint8], rng: np.random.Generator, parameters: Blur) -> NDArray[np.uint8]:
    """Return the image after Pillow's Gaussian blur (three box blurs) of a drawn radius."""
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(drawn(rng, parameters.radius))))
