"""The loop that `prepare` is held against: `python -m benchmarks.bare_loop LIST SIDE WORKERS`.

Each file named in LIST, one path a line, is decoded by Pillow, resized and cropped in a pool of processes.
Nothing is checked, hashed or stored.
"""

from __future__ import annotations

import sys
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FILES_PER_CALL = 64


def square(path: str, side: int) -> NDArray[np.uint8]:
    """Return the central square of the image at `path`, `(side, side, 3)` uint8 RGB."""
    image = Image.open(path).convert("RGB")
    shorter = min(image.size)
    width, height = (side * length // shorter for length in image.size)
    left, top = (width - side) // 2, (height - side) // 2
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + side, top + side)))


def decoded(path: str, side: int) -> int:
    """Return how many pixels came out of the file at `path`, so that no array travels between processes."""
    return square(path, side).shape[0] ** 2


def main() -> int:
    listing, side, workers = sys.argv[1:]
    paths = Path(listing).read_text(encoding="utf-8").splitlines()
    with Pool(int(workers)) as pool:
        pixels = sum(pool.imap_unordered(partial(decoded, side=int(side)), paths, chunksize=FILES_PER_CALL))
        pool.close()
        pool.join()
    assert pixels == len(paths) * int(side) ** 2, (pixels, len(paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
