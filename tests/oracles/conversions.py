"""What an image's pixels should be, by plain Pillow and numpy: nothing here shares code with `tasks`."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the bytes of a file of the given format."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain_rgb(data: bytes) -> NDArray[np.uint8]:
    """Decode by plain Pillow, `(height, width, 3)` uint8."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def over_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Composite `(height, width, 4)` over white in floating point, `(height, width, 3)` uint8."""
    alpha = rgba[..., 3:].astype(np.float64) / 255
    return np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def largest_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """Return the largest difference of any value, in levels."""
    assert one.shape == other.shape, f"shapes differ: {one.shape}, {other.shape}"
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max())


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio over all RGB values, dB."""
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-12)))
