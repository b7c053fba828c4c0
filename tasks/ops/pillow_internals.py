"""What we take from inside Pillow, where its public functions copy or check once more: all of it, in one place.

Tests compare each with the public function that it stands for, so that a new Pillow that differs is noticed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]


def rgb_sharing(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return an RGB image that shares the memory of `pixels`, `(height, width, 4)` uint8 RGBX.

    Pillow keeps RGB in four bytes, so only the name of the mode has to change, as in `Image.putalpha`:
    a copy would cost a sixth of a whole decode and resize.
    """
    image = Image.frombuffer("RGBX", pixels.shape[1::-1], pixels, "raw", "RGBX", 0, 1)
    image.im.setmode("RGB")
    image._mode = "RGB"
    return image


def resize_and_cut(
    image: Image.Image,
    size: tuple[int, int],
    kernel: Image.Resampling,
    *,
    box: Box,
    corner: tuple[int, int],
    out: NDArray[np.uint8],
) -> None:
    """Do `out[...] = image.resize(size, kernel, box).crop(…)` for an RGB image, without an image for the part.

    The part has its upper left at `corner` and the shape of `out`, `(height, width, 3)`. For small sizes this costs a
    sixth less.
    """
    image.load()
    height, width, _ = out.shape
    left, top = corner
    encoder = Image._getencoder("RGB", "raw", "RGB")
    encoder.setimage(image.im.resize(size, kernel, box), (left, top, left + width, top + height))
    _, status, content = encoder.encode(out.nbytes)
    if status < 0 or len(content) != out.nbytes:
        raise OSError(f"Pillow gave {len(content)} of {out.nbytes} bytes, with the status {status}")
    out[...] = np.frombuffer(content, np.uint8).reshape(out.shape)
