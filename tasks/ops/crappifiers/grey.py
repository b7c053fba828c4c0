"""No colour: red, green and blue all become the brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, slots=True)
class Grey:
    """Nothing to choose."""


def greyed(image: NDArray[np.uint8], rng: np.random.Generator, parameters: Grey) -> NDArray[np.uint8]:
    """Return the image with three equal channels, the luma of ITU-R BT.601 (0.299, 0.587, 0.114)."""
    return np.array(Image.fromarray(image).convert("L").convert("RGB"))
