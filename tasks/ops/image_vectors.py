"""Images as short vectors that need no network: what a distance between sets of images is measured in. Pure.

Thumbnails tell where an image is bright and of which colour, and nothing of detail finer than an eighth of it; patches
tell of fine detail alone, and nothing of what is where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THUMBNAIL = 8
"""Pixels of a thumbnail's side."""
LEVELS = 16
"""Thumbnails have levels from 0 to this, as scikit-learn's digits have."""

PATCH, PATCHES = 8, 6
"""Pixels of a patch's side, and how many are taken each way."""

# Images that are floats in memory at a time.
_BLOCK = 256


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return `(n, side, side, 3)` uint8 RGB as 8×8 box means of each channel, `(n, 192)`, 0 to 16 over √3.

    The root makes the distance of grey images that of their one channel: the 64 numbers of scikit-learn's digits.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or min(images.shape[1:3]) < THUMBNAIL:
        raise ValueError(
            f"expected (n, h, w, 3) uint8 of at least {THUMBNAIL} pixels, got {images.shape} {images.dtype}"
        )
    down, across = (_box_means(side) for side in images.shape[1:3])
    blocks = [images[start : start + _BLOCK].astype(np.float64) for start in range(0, len(images), _BLOCK)]
    small = [np.einsum("yh,nhwc,xw->nyxc", down, block, across, optimize=True) for block in blocks]
    return np.concatenate(small).reshape(len(images), -1) * (LEVELS / 255 / np.sqrt(3))


def patches(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return 36 squares of 8×8 pixels of each image, evenly spread, each less its mean colour, in levels of 0..255.

    `(n, h, w, 3)` uint8 RGB → `(36·n, 192)`. They overlap where an image has less than 48 pixels each way.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or min(images.shape[1:3]) < PATCH:
        raise ValueError(f"expected (n, h, w, 3) uint8 of at least {PATCH} pixels, got {images.shape} {images.dtype}")
    tops, lefts = (np.linspace(0, side - PATCH, PATCHES).round().astype(int) for side in images.shape[1:3])
    rows, columns = (starts[:, None] + np.arange(PATCH) for starts in (tops, lefts))
    cut = images[:, rows[:, None, :, None], columns[None, :, None, :]]  # (n, 6, 6, 8, 8, 3)
    squares = cut.reshape(-1, PATCH * PATCH, 3).astype(np.float32)
    return (squares - squares.mean(axis=1, keepdims=True)).reshape(len(squares), -1)


def mean_neighbour_difference(images: NDArray[np.uint8]) -> float:
    """Return the mean squared difference of neighbouring pixels of `(n, h, w, 3)` uint8, in squared levels of 0..255.

    It is what thumbnails do not see: low for blurred images, high for noise and for a checkerboard.
    """
    total, count = 0.0, 0
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK].astype(np.float32)
        for axis in (1, 2):
            squares = np.diff(block, axis=axis) ** 2
            total, count = total + float(squares.sum(dtype=np.float64)), count + squares.size
    return total / count


@dataclass(frozen=True, slots=True)
class PrincipalAxes:
    """The directions in which some vectors differ most: their `mean` `(d,)` and unit `axes` `(count, d)`."""

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    def projected(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return vectors `(n, d)` along the axes, `(n, count)`."""
        return (vectors - self.mean) @ self.axes.T


def principal_axes(vectors: NDArray[np.float64], count: int) -> PrincipalAxes:
    """Return the first `count` principal axes of vectors `(n, d)`, that of the largest variance first."""
    if not 1 <= count <= min(vectors.shape):
        raise ValueError(f"{vectors.shape} vectors have between 1 and {min(vectors.shape)} axes, not {count}")
    mean = vectors.mean(axis=0)
    return PrincipalAxes(mean, np.linalg.svd(vectors - mean, full_matrices=False)[2][:count])


def _box_means(side: int) -> NDArray[np.float64]:
    """Return the matrix `(8, side)` that takes the mean over each eighth of a line, parts of pixels included."""
    edges = np.arange(THUMBNAIL + 1) * side / THUMBNAIL
    pixels = np.arange(side)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.maximum(overlap, 0) * (THUMBNAIL / side)
