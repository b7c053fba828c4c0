"""Turn one image into one square of pixels. Pure: image in, array out.

The square equals that of torchvision's Resize(side) + CenterCrop(side) on the same PIL image, bit for bit.
Only where the scaled image would be very long is the part near the crop computed alone, within two levels:
Pillow's fixed-point kernels are a little coarser or finer with the image's ends in sight.
"""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.ops.pillow_internals import resize_and_cut
from tasks.ops.scaled_images import original_extent

INTERPOLATIONS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# Beyond this many scaled pixels the whole is not computed: at 224 that is an aspect ratio of 36 to 1.
_LONGEST_WHOLE = 8192
_WIDEST_KERNEL = 3


def resize_center_crop(image: Image.Image, side: int, *, interpolation: str = "bilinear") -> NDArray[np.uint8]:
    """Return the central square of an RGB image, `(side, side, 3)` uint8.

    The shorter edge is scaled to `side`; the longer loses as much at one end as at the other.

    Raises:
        ValueError: for a side below 1, an unknown interpolation, or an image that is not RGB.
    """
    if side < 1:
        raise ValueError(f"side must be at least 1 pixel, got {side}")
    out = np.empty((side, side, 3), np.uint8)
    resize_center_crop_into(image, out, interpolation=interpolation)
    return out


def resize_center_crop_into(image: Image.Image, out: NDArray[np.uint8], *, interpolation: str = "bilinear") -> None:
    """Write the central square of an RGB image to `out`, `(side, side, 3)` uint8, such as a row of a chunk."""
    side = out.shape[0]
    if out.shape != (side, side, 3):
        raise ValueError(f"out must have shape (side, side, 3), got {out.shape}")
    if image.mode != "RGB":
        raise ValueError(f"image must be in mode RGB, got {image.mode}")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}")
    extent, kernel = original_extent(image), INTERPOLATIONS[interpolation]
    across, down = extent[2] - extent[0], extent[3] - extent[1]
    # As torchvision rounds: down to whole pixels.
    width, height = (int(side * length / min(across, down)) for length in (across, down))
    if max(width, height) > _LONGEST_WHOLE:
        out[...] = np.asarray(_square_alone(image, side, kernel, (width, height)))
        return
    corner = _offset(width, side), _offset(height, side)
    resize_and_cut(image, (width, height), kernel, box=extent, corner=corner, out=out)


def _square_alone(image: Image.Image, side: int, kernel: Image.Resampling, scaled: tuple[int, int]) -> Image.Image:
    """Compute only the central square, from only the pixels its kernels reach: memory stays bounded.

    The window also keeps coordinates small, because Pillow holds the box in float32.
    """
    first, above, last, below = original_extent(image)
    left, right = _kept(first, last, scaled[0], side)
    top, bottom = _kept(above, below, scaled[1], side)
    margin = _WIDEST_KERNEL * max(min(image.size) / side, 1.0) + 1
    x, y = max(0, floor(left - margin)), max(0, floor(top - margin))
    window = (x, y, min(image.width, ceil(right + margin)), min(image.height, ceil(bottom + margin)))
    return image.crop(window).resize((side, side), kernel, box=(left - x, top - y, right - x, bottom - y))


def _kept(start: float, end: float, scaled: int, side: int) -> tuple[float, float]:
    """Return the part of the interval that becomes the central `side` of its `scaled` pixels."""
    pixel = (end - start) / scaled
    kept = start + _offset(scaled, side) * pixel
    return kept, min(kept + side * pixel, end)


def _offset(scaled: int, side: int) -> int:
    """Return where the central `side` of `scaled` pixels begins; halves go to the even number."""
    return round((scaled - side) / 2.0)
