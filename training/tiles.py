"""An image of any size through a function that takes tiles. Pure: arrays in, arrays out, no torch.

Tiles overlap. Each gives the pixels far from its inner edges, where it saw all that they depend on; between two,
one fades into the other over `feather` pixels, so that no seam shows where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Enlarge = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Maps `(h, w, 3)` uint8 to `(scale·h, scale·w, 3)` float32."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How an image is cut, in its own pixels: square tiles of `side` that share `overlap` with each neighbour.

    What lies nearer than (overlap - feather) / 2 to an inner edge is never used: as long as the function looks no
    farther, the result does not depend on the tiling.
    """

    side: int
    overlap: int
    feather: int

    def __post_init__(self) -> None:
        if not 0 <= self.feather <= self.overlap < self.side:
            raise ValueError(
                f"expected 0 ≤ feather ≤ overlap < side, got feather {self.feather}, overlap {self.overlap}, "
                f"side {self.side}"
            )

    def starts(self, length: int) -> list[int]:
        """Return where the tiles along an axis of `length` pixels begin; the last ends with the image.

        All tiles have the same size, which is what compiled and tuned networks want; only an image shorter than
        a tile is one tile of its own length.
        """
        if length <= self.side:
            return [0]
        return [*range(0, length - self.side, self.side - self.overlap), length - self.side]


def enlarged_bands(
    pixels: NDArray[np.uint8], enlarge: Enlarge, *, scale: int, tiling: Tiling, on_tile: Callable[[int, int], None]
) -> Iterator[NDArray[np.float32]]:
    """Yield the enlarged image from top to bottom in bands, `(rows, scale·w, 3)` float32, as they are finished.

    `on_tile` hears how many tiles are done, and of how many. Only about one band is held in memory.
    """
    height, width, _ = pixels.shape
    tops, lefts = tiling.starts(height), tiling.starts(width)
    down, across = _fades(tops, tiling, scale, height), _fades(lefts, tiling, scale, width)
    pending = np.zeros((0, width * scale, 3), np.float32)
    done_rows = 0
    for row, top in enumerate(tops):
        band = np.zeros((min(tiling.side, height) * scale, width * scale, 3), np.float32)
        for column, left in enumerate(lefts):
            tile = enlarge(pixels[top : top + tiling.side, left : left + tiling.side])
            band[:, left * scale :][:, : tile.shape[1]] += tile * across[column][:, None]
            on_tile(row * len(lefts) + column + 1, len(tops) * len(lefts))
        band *= down[row][:, None, None]
        band[: len(pending)] += pending
        finished = (tops[row + 1] if row + 1 < len(tops) else height) * scale - done_rows
        yield band[:finished]
        pending, done_rows = band[finished:], done_rows + finished


def _fades(starts: list[int], tiling: Tiling, scale: int, length: int) -> list[NDArray[np.float32]]:
    """Return the weight of each enlarged pixel of each tile along one axis; at every place they sum to 1.

    Between two tiles lies a rise from 0 to 1, in the middle of what both see; a tile's weight is the rise before
    it less the one after it, which adds up wherever a short last step makes rises overlap.
    """
    side = min(tiling.side, length)
    middles = [(after + before + side) / 2 for before, after in pairwise(starts)]
    places = (np.arange(length * scale) + 0.5) / scale
    rises = [_rise(places - middle, tiling.feather) for middle in middles]
    bounds = [np.ones_like(places), *rises, np.zeros_like(places)]
    weights = (here - next_ for here, next_ in pairwise(bounds))
    return [
        weight[start * scale : (start + side) * scale].astype(np.float32)
        for start, weight in zip(starts, weights, strict=True)
    ]


def _rise(offsets: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return a straight rise from 0 to 1, `width` wide around 0; a step where that is 0."""
    return np.clip(offsets / width + 0.5, 0, 1) if width else (offsets > 0).astype(np.float64)
