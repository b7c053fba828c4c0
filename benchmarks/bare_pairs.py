"""The loop that `pairs` is held against: `python -m benchmarks.bare_pairs VERSION RECIPE WORKERS`.

The good rows of a version, whose record is VERSION, are read by h5py and spoilt by Pillow in a pool of processes, as
one would write it by hand. Nothing is checked, hashed, stored or reproducible.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO
from multiprocessing import Pool
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

BLOCK_ROWS = 64

Spoil = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def quarter(row: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Do what the recipe superres-x4 does."""
    side = len(row) // 4
    return np.asarray(Image.fromarray(row).resize((side, side), Image.Resampling.BICUBIC))


def lesson(row: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Do what the recipe lesson does: few pixels, the quality written on them, JPEG."""
    small = Image.fromarray(row).resize((96, 96), Image.Resampling.BILINEAR)
    quality = random.randint(10, 70)
    place = random.randint(0, 84), random.randint(0, 84)
    ImageDraw.Draw(small).text(place, str(quality), fill=(255, 255, 255), font=_font())
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


RECIPES: dict[str, Spoil] = {"superres-x4": quarter, "lesson": lesson}
_FONTS: list[ImageFont.FreeTypeFont | ImageFont.ImageFont] = []


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if not _FONTS:
        _FONTS.append(ImageFont.load_default(11))
    return _FONTS[0]


def spoilt(path: str, recipe: str) -> int:
    """Return how many rows of a file were spoilt, so that no array travels between processes."""
    spoil, done = RECIPES[recipe], 0
    with h5py.File(path) as file:
        images = file["images"]
        assert isinstance(images, h5py.Dataset)
        for first in range(0, len(images), BLOCK_ROWS):
            for row in images[first : first + BLOCK_ROWS]:
                done += len(spoil(row)) > 0
    return done


def main() -> int:
    record, recipe, workers = sys.argv[1:]
    version = json.loads(Path(record).read_bytes())["body"]
    objects = Path(record).parents[1] / "objects"
    paths = [str(objects / shard["objects"][0]["name"]) for shard in version["shards"] if shard["rows"]]
    with Pool(int(workers)) as pool:
        done = sum(pool.imap_unordered(partial(spoilt, recipe=recipe), paths))
        pool.close()
        pool.join()
    assert done == version["stored"], (done, version["stored"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
