"""Images for the defects: noise of any size, flat ones, a photo; and generators."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tasks.ops.resize import resize_center_crop

SIDES = st.integers(1, 300)
SEEDS = st.integers(0, 2**64 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(height: int, width: int, *, seed: int = 0, low: int = 0, high: int = 255) -> NDArray[np.uint8]:
    return frozen(np.random.default_rng(seed).integers(low, high + 1, (height, width, 3), dtype=np.uint8))


def flat(height: int, width: int, level: int) -> NDArray[np.uint8]:
    return frozen(np.full((height, width, 3), level, np.uint8))


@cache
def photo(side: int) -> NDArray[np.uint8]:
    with (files("skimage") / "data" / "astronaut.png").open("rb") as file, Image.open(file) as image:
        return frozen(resize_center_crop(image.convert("RGB"), side))


def frozen(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A defect that writes into the image it is given raises ValueError."""
    image.flags.writeable = False
    return image


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels differ, `(h, w)`."""
    return (before != after).any(axis=2)
