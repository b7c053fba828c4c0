"""Noise that is as strong in the dark as in the light, such as that of a cheap sensor's electronics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.gaussian_bytes import LARGEST_DEVIATION, gaussian_bytes
from tasks.ops.crappifiers.ranges import Range, check_choice, check_range, drawn

CHANNELS = ("separate", "alike")


@dataclass(frozen=True, slots=True)
class GaussianNoise:
    """`deviation` in levels of 255.

    `channels` is "separate" (coloured specks, as of a sensor) or "alike" (grey ones, as the grain of a film).
    """

    deviation: Range = (4.0, 20.0)
    channels: str = "separate"

    def __post_init__(self) -> None:
        check_range("deviation", self.deviation, 0, LARGEST_DEVIATION)
        check_choice("channels", self.channels, CHANNELS)


def noisy(image: NDArray[np.uint8], rng: np.random.Generator, parameters: GaussianNoise) -> NDArray[np.uint8]:
    """Return the image with normally distributed noise added to each pixel, cut off at black and at white."""
    deviation = drawn(rng, parameters.deviation)
    alike = parameters.channels == "alike"
    noise = gaussian_bytes(rng, image.shape[:2] if alike else image.shape, deviation)
    if alike:
        noise = noise.repeat(3).reshape(image.shape)
    levels = np.add(image, noise, dtype=np.int16)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)
