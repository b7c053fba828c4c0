"""Colours that went wrong or faded: a channel too strong or too weak, less between black and white."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.ranges import Range, check_range, drawn

LARGEST_GAIN = 1.9
_ONE = 128
"""1.0 in fixed point, 2 to the 7th: 255 levels × 1.9 × 128 fit into 16 bits."""
_HAZE = 200
"""The level that a wholly faded picture has everywhere: the paper, a little dull."""


@dataclass(frozen=True, slots=True)
class ColourCast:
    """`red`, `green` and `blue` are what a channel is multiplied by; `fade` is the part of contrast that is lost."""

    red: Range = (0.75, 1.25)
    green: Range = (0.75, 1.25)
    blue: Range = (0.75, 1.25)
    fade: Range = (0.0, 0.2)

    def __post_init__(self) -> None:
        for key in ("red", "green", "blue"):
            check_range(key, getattr(self, key), 0, LARGEST_GAIN)
        check_range("fade", self.fade, 0, 1)


def tinted(image: NDArray[np.uint8], rng: np.random.Generator, parameters: ColourCast) -> NDArray[np.uint8]:
    """Return the image with each channel multiplied by a drawn gain, then all drawn towards a light grey.

    Exact to 3 levels: gains are held to 1/128, since 16-bit numbers are three times as fast as floats.
    """
    gains = [drawn(rng, spread) for spread in (parameters.red, parameters.green, parameters.blue)]
    fade = drawn(rng, parameters.fade)
    width = image.shape[1]
    factors = np.array([round(gain * (1 - fade) * _ONE) for gain in gains], np.uint16)
    levels = image.reshape(-1, width * 3) * np.tile(factors, width)
    # Here lies the largest sum: 255 × 243 + 64, or with any fade less.
    levels += round(fade * _HAZE * _ONE) + _ONE // 2
    levels >>= 7
    return np.minimum(levels, 255).astype(np.uint8).reshape(image.shape)
