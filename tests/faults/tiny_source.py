"""Sources of a few tiny pictures, for faults that are tried hundreds of times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("n01440764", "n01443537")
WIDTH, HEIGHT = 40, 30


def class_name(number: int) -> str:
    """Return the class of picture `number`."""
    return CLASSES[number % len(CLASSES)]


def picture_name(number: int) -> str:
    """Return the name of picture `number` below the root of its source."""
    return f"{class_name(number)}/{class_name(number)}_{number}.JPEG"


def add_pictures(source: Path, count: int, *, first: int = 0) -> Path:
    """Put pictures `first` to `first + count` into a tree with a folder for each class; return the tree.

    A number always gives the same picture, and no two are alike.
    """
    for number in range(first, first + count):
        path = source / picture_name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path, "JPEG", quality=90)
    return source
