"""The ranges that pixels travel in between stored rows, networks and extractors, and the ways from one to another.

Ours is [0, 1]: a stored level divided by 255. Networks take it and give it, as do losses; whoever wants another
range converts inside.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The mean and deviation of ImageNet's training pixels, RGB in [0, 1], as torchvision's pre-trained networks want.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

# What arithmetic may add to a value that was 0 or 1; bfloat16 has steps of 0.004 there.
_SLACK = 0.01


def as_unit(pixels: NDArray[np.uint8] | Tensor) -> Tensor:
    """Return stored RGB rows, `(n, h, w, 3)` uint8, as `(n, 3, h, w)` float32 in [0, 1]."""
    levels = torch.as_tensor(pixels)
    if levels.dtype != torch.uint8 or levels.ndim != 4 or levels.shape[3] != 3:
        raise ValueError(f"expected (n, h, w, 3) uint8 RGB, got {tuple(levels.shape)} {levels.dtype}")
    return levels.movedim(3, 1).to(torch.float32) / 255


def as_levels(images: Tensor) -> NDArray[np.uint8]:
    """Return `(n, 3, h, w)` in [0, 1] as `(n, h, w, 3)` uint8 RGB; what a network overshot is cut off."""
    levels = (images.detach().to(torch.float32) * 255).round().clamp(0, 255)
    return levels.to(torch.uint8).movedim(1, 3).contiguous().cpu().numpy()


def as_rows(pixels: Tensor) -> NDArray[np.uint8]:
    """Return the pictures of a batch, `(n, 3, h, w)` uint8, as they are stored, `(n, h, w, 3)`."""
    return pixels.movedim(1, 3).contiguous().cpu().numpy()


def imagenet_normalised(images: Tensor) -> Tensor:
    """Return `(n, 3, h, w)` in [0, 1] less ImageNet's mean, over its deviation."""
    return (images - _column(_IMAGENET_MEAN, images)) / _column(_IMAGENET_DEVIATION, images)


def imagenet_restored(normalised: Tensor) -> Tensor:
    """Return what `imagenet_normalised` made, `(n, 3, h, w)`, as images in [0, 1]."""
    return normalised * _column(_IMAGENET_DEVIATION, normalised) + _column(_IMAGENET_MEAN, normalised)


def require_unit(images: Tensor, name: str) -> None:
    """Check that a batch is `(n, 3, h, w)` of floats in [0, 1]. Waits for the device that holds it.

    A batch in [0, 255] or [-1, 1] would go through an extractor without a word, and shift the loss by orders of
    magnitude.

    Raises:
        ValueError: it is something else, or holds a value that is not a number.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(f"{name} must be (n, 3, h, w) floats, got {tuple(images.shape)} {images.dtype}")
    low, high = (float(end) for end in torch.stack(images.detach().aminmax()))
    if not (low >= -_SLACK and high <= 1 + _SLACK):
        raise ValueError(
            f"{name} must lie in [0, 1], got [{low:.4g}, {high:.4g}]; divide stored levels by 255, "
            "and take (v + 1) / 2 of what lies in [-1, 1]"
        )


def _column(values: tuple[float, float, float], beside: Tensor) -> Tensor:
    return beside.new_tensor(values).view(1, 3, 1, 1)
