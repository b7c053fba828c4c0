"""The checkerboard that upsampling by transposed convolution leaves in an image, as a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def checkerboard_share(images: NDArray[np.floating], period: int) -> float:
    """Return how much of the variance of `(n, h, w)` images repeats with `period` pixels each way, 0 to 1.

    Each image is split by the place of its pixels within the period; the share is the variance of the means of
    those places over the variance of all pixels, weighted over the images by the latter. Flat images have none.
    A photograph's is near 0, since no place within the period is favoured. For the cause see Odena, Dumoulin,
    Olah 2016, "Deconvolution and checkerboard artifacts".
    """
    if images.ndim != 3 or min(images.shape[1:]) < period or period < 2:
        raise ValueError(f"expected (n, h, w) images of at least {period} ≥ 2 pixels each way, got {images.shape}")
    count, height, width = images.shape
    down, across = height // period, width // period
    cells = images[:, : down * period, : across * period].astype(np.float64)
    total = cells.var(axis=(1, 2)).sum()
    places = cells.reshape(count, down, period, across, period).mean(axis=(1, 3))
    # A flat image has only what rounding left of a variance.
    scale = np.square(cells).mean(axis=(1, 2)).sum()
    return 0.0 if total <= 1e-12 * scale else float(places.var(axis=(1, 2)).sum() / total)
