"""JPEG's blocks and lost colour: the image is encoded at a low quality and decoded again."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from tasks.ops.crappifiers.ranges import WholeRange, check_range, drawn_whole


@dataclass(frozen=True, slots=True)
class Jpeg:
    """`quality` on libjpeg's scale, 1 (worst) to 100; fast.ai's lesson 7 takes 10 to 70."""

    quality: WholeRange = (10, 70)

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)


def recompressed(image: NDArray[np.uint8], rng: np.random.Generator, parameters: Jpeg) -> NDArray[np.uint8]:
    """Return the image after a JPEG of a drawn quality, with 4:2:0 sampling, as Pillow writes by default."""
    return at_quality(image, drawn_whole(rng, parameters.quality))


def at_quality(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the image after a JPEG of `quality`."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    # The same pixels as Pillow's, in half of its time.
    return simplejpeg.decode_jpeg(buffer.getvalue())
