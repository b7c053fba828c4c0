"""What kind of image a row is, by its own pixels: grey, dark, bright, of low contrast. Pure: pixels in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GREY_RANGE = 6.0
"""Levels between the largest and the smallest channel of a pixel, in the mean; a JPEG of a grey photo has 0 to 2."""
DARK_LUMA, BRIGHT_LUMA = 64.0, 192.0
"""Mean luma, of 255: the lowest and the highest quarter of what there is."""
LOW_CONTRAST = 20.0
"""Standard deviation of luma, in levels; a picture of which each level is equally frequent has 74."""
KINDS = ("grey", "dark", "bright", "low contrast")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601 over the full range, as in JPEG."""


def image_kinds(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which of `KINDS` each of `(n, h, w, 3)` uint8 RGB images is, `(n, 4)`; it may be several or none.

    The thresholds are the constants above, for rows as they were published, after scaling and cropping.
    """
    if pixels.ndim != 4 or pixels.shape[3] != 3:
        raise ValueError(f"expected (n, h, w, 3) uint8 RGB images, got {pixels.shape}")
    ranges = (pixels.max(axis=3) - pixels.min(axis=3)).mean(axis=(1, 2))
    luma = pixels.astype(np.float32) @ _LUMA  # (n, h, w)
    mean, deviation = luma.mean(axis=(1, 2)), luma.std(axis=(1, 2))
    found = (ranges < GREY_RANGE, mean < DARK_LUMA, mean > BRIGHT_LUMA, deviation < LOW_CONTRAST)
    return np.stack(found, axis=1)
