"""A picture to search with, made into a square exactly as the rows of a published version were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.parameters import Parameters
from storage.refused import Refusal
from tasks.ops.decode import DecodeLimits, decode_rgb
from tasks.ops.resize import resize_center_crop
from tasks.ops.source_files import MAX_BYTES_PER_PIXEL


def query_square(photo: Path, parameters: Parameters, side: int) -> NDArray[np.uint8]:
    """Return the central square of a picture, `(side, side, 3)` uint8 RGB, upright, by the parameters of a version.

    A picture of the version's own source gives the pixels of its row.

    Raises:
        ValueError: it would be refused as an input, too; the message has the reason.
        FileNotFoundError: there is no such file.
    """
    if not photo.exists():
        raise FileNotFoundError(f"{photo} is missing")
    most = parameters.max_pixels * MAX_BYTES_PER_PIXEL
    if not photo.is_file() or photo.stat().st_size > most:
        raise ValueError(f"{photo} is no file, or has more than {most:,} bytes, so it is no picture to search with")
    return square_of(photo.read_bytes(), parameters, side, name=str(photo))


def square_of(content: bytes, parameters: Parameters, side: int, *, name: str) -> NDArray[np.uint8]:
    """Return what `query_square` does of the bytes of a file, which the error calls `name`.

    Raises:
        ValueError: it would be refused as an input, too; the message has the reason.
    """
    shorter_side = max(parameters.sides) if parameters.fidelity == "fast" else None
    limits = DecodeLimits(parameters.max_pixels, parameters.max_scans)
    image = decode_rgb(content, limits, shorter_side=shorter_side)
    if isinstance(image, Refusal):
        raise ValueError(f"{name} is no picture to search with ({image.reason}): {image.detail}")
    return resize_center_crop(image, side, interpolation=parameters.interpolation)
