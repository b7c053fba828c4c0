"""Images between stored rows and networks that may be grey: RGB uint8 there, one channel or three in [0, 1] here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.pixel_ranges import as_levels, as_unit

IMAGES, LABELS = "images", "labels"
"""What a source calls the pictures of its rows, and their classes, which it may not have."""

# ITU-R BT.601, as Pillow's mode "L".
_LUMA = (0.299, 0.587, 0.114)


def in_channels(images: Tensor, channels: int) -> Tensor:
    """Return RGB images `(n, 3, h, w)` in [0, 1] as they are, or as luma `(n, 1, h, w)` where one channel is wanted."""
    if channels == images.shape[1]:
        return images
    return (images * images.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def as_rgb_levels(images: Tensor) -> NDArray[np.uint8]:
    """Return images `(n, 1 or 3, h, w)` in [0, 1] as `(n, h, w, 3)` uint8 RGB."""
    levels = as_levels(images)
    return levels if levels.shape[3] == 3 else np.repeat(levels, 3, axis=3)


def seen_as(rows: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Return stored rows `(n, h, w, 3)` uint8 as a network of so many channels sees them."""
    return as_rgb_levels(in_channels(as_unit(rows), channels))
