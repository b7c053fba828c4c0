"""What a prepared version should hold, worked out from the image files by Pillow and torchvision alone."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tests.oracles.conversions import over_white


def expected_square(path: Path, side: int) -> NDArray[np.uint8]:
    """Return `(side, side, 3)` uint8 as torchvision makes it of the upright, opaque RGB picture in a file."""
    from training.torchvision_import import torchvision

    with Image.open(path) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        picture = opaque_rgb(upright)
    transforms = torchvision.transforms
    shrink = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side)])
    return np.asarray(shrink(picture))


def opaque_rgb(image: Image.Image) -> Image.Image:
    """Return the picture as a viewer shows it on white paper."""
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.rint(np.asarray(image, np.float64) / 257).astype(np.uint8)
        return Image.fromarray(np.repeat(grey[..., None], 3, axis=2))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return Image.fromarray(over_white(np.asarray(image.convert("RGBA"))))
    return image.convert("RGB")


def refused_in(report: Path) -> dict[str, str]:
    """Return the reason for each name in a report of refused images."""
    with report.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row["reason"] for row in csv.DictReader(file)}
