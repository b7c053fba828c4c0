"""Pairs of two sizes cut from the bundled photographs, by Pillow alone."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.photos import photos

Pairs = dict[str, NDArray[np.uint8]]


@cache
def halved_photos() -> dict[str, Image.Image]:
    """The photographs at half their size: at their own they are so soft that there is little to restore."""
    return {name: photo.reduce(2) for name, photo in photos().items()}


def squares(names: Iterable[str], side: int) -> NDArray[np.uint8]:
    """Return the squares of `side` pixels that the named photographs fall into, `(n, side, side, 3)`."""
    images = [np.asarray(halved_photos()[name]) for name in names]
    return np.stack(
        [
            image[top : top + side, left : left + side]
            for image in images
            for top in range(0, image.shape[0] - side + 1, side)
            for left in range(0, image.shape[1] - side + 1, side)
        ]
    )


def photo_pairs(names: Iterable[str], *, side: int, scale: int) -> Pairs:
    """Return squares as `large`, and as `small` what Pillow's bicubic kernel shrinks them to."""
    large = squares(names, side)
    size = (side // scale, side // scale)
    small = [np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)) for image in large]
    return {"small": np.stack(small), "large": large}
