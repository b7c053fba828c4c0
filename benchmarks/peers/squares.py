"""The same work for all writers: one image file → one square of `side` pixels, by whatever Pillow is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

Labelled = tuple[str, int]


def labelled_paths(listing: str) -> list[Labelled]:
    """Return paths and labels from a file with a path, a tab and a label on each line."""
    lines = Path(listing).read_text(encoding="utf-8").splitlines()
    return [(path, int(label)) for path, label in (line.rsplit("\t", 1) for line in lines)]


def square_image(path: str, side: int) -> Image.Image:
    """Return the central square of an image, resized by its shorter side."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    shorter = min(image.size)
    width, height = (round(side * length / shorter) for length in image.size)
    left, top = (width - side) // 2, (height - side) // 2
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + side, top + side))


def square(path: str, side: int) -> np.ndarray:
    """Return it as `(side, side, 3)` uint8."""
    return np.asarray(square_image(path, side))
