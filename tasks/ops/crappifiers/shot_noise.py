"""Noise of few photons: it grows with the square root of the light, so that shadows suffer most for what they are."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.gaussian_bytes import gaussian_bytes
from tasks.ops.crappifiers.ranges import Range, check_range, drawn

_UNIT = 32
"""Deviation of the whole numbers that are scaled: fine enough, and within an int8."""


@dataclass(frozen=True, slots=True)
class ShotNoise:
    """`photons` is how many a white pixel counts: 20 is a very dark night, 1,000 hardly visible."""

    photons: Range = (40.0, 400.0)

    def __post_init__(self) -> None:
        check_range("photons", self.photons, 10, 10_000)


def dimly_lit(image: NDArray[np.uint8], rng: np.random.Generator, parameters: ShotNoise) -> NDArray[np.uint8]:
    """Return the image as if counted in photons: level v has the variance v × 255 / photons.

    Poisson's law by its normal approximation, which is near from about ten photons on; black stays black.
    """
    deviations = np.sqrt(np.arange(256) * (255 / drawn(rng, parameters.photons)))
    # The finest fixed point in which white's deviation is a byte.
    shift = int(log2(255 * _UNIT / deviations[255]))
    table = np.rint(deviations * 2**shift / _UNIT).astype(np.uint8)
    of_pixels = np.frombuffer(image.tobytes().translate(table.tobytes()), np.uint8).reshape(image.shape)
    levels = np.multiply(gaussian_bytes(rng, image.shape, _UNIT), of_pixels, dtype=np.int16)
    levels += 2 ** (shift - 1)
    levels >>= shift
    levels += image
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)
