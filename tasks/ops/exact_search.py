"""The rows nearest to many queries at once: exact, by one matrix product a block. Pure: arrays in, arrays out.

Of 100,000 rows and 256 queries no more than one block of products is in memory, and vectors may be memory-mapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 8192
"""A block of 300 numbers a row takes 10 MB, and its products with 256 queries 8 MB."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """For each query the `k` nearest rows, the nearest first: `rows` `(q, k)` int64, `cosines` `(q, k)` float32."""

    rows: NDArray[np.int64]
    cosines: NDArray[np.float32]


def nearest_rows(
    queries: NDArray[np.float32], vectors: NDArray[np.float32] | Iterable[NDArray[np.float32]], *, count: int
) -> Nearest:
    """Return the `count` rows with the largest dot product with each query, or all rows if there are fewer.

    `queries` are `(q, d)`, `vectors` `(n, d)`, in one array or as blocks of consecutive rows. Where all have length 1
    the products are cosines. Of equal ones the earlier row comes first.

    Raises:
        ValueError: queries and vectors have other dimensions, or hold what is no finite number.
    """
    if queries.ndim != 2 or not np.isfinite(queries).all():
        raise ValueError(f"expected queries of shape (q, d), all finite, got an array of shape {queries.shape}")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    best = _Best.before_any(len(queries), count)
    seen = 0
    for block in blocks_of(vectors) if isinstance(vectors, np.ndarray) else vectors:
        if block.ndim != 2 or block.shape[1] != queries.shape[1]:
            raise ValueError(f"queries have {queries.shape[1]} dimensions, the vectors are of shape {block.shape}")
        best.take(queries @ block.T, first=seen)
        seen += len(block)
    return best.found(min(count, seen))


def blocks_of(vectors: NDArray[np.float32], *, rows: int = BLOCK_ROWS) -> Iterator[NDArray[np.float32]]:
    """Yield views of `rows` consecutive rows each, the last one with what is left."""
    for first in range(0, len(vectors), rows):
        yield vectors[first : first + rows]


@dataclass(frozen=True, slots=True)
class _Best:
    """What was found so far: `cosines` and `rows` `(q, k)`, in order; -inf and -1 where there is nothing yet."""

    cosines: NDArray[np.float32]
    rows: NDArray[np.int64]

    @staticmethod
    def before_any(queries: int, count: int) -> _Best:
        return _Best(np.full((queries, count), -np.inf, np.float32), np.full((queries, count), -1, np.int64))

    def take(self, products: NDArray[np.float32], *, first: int) -> None:
        """Put in what is better of `products`, `(q, rows)`, the first of them that of row `first`."""
        # Where a product is no number, so is the largest.
        largest = products.max(axis=1, initial=-np.inf)
        if np.isnan(largest).any():
            raise ValueError("the vectors hold what is no number: they are damaged, or the model that made them is")
        # Not ">=": of equal ones the earlier stays.
        for query in np.flatnonzero(largest > self.cosines[:, -1]).tolist():
            places = np.flatnonzero(products[query] > self.cosines[query, -1])
            cosines = np.concatenate([self.cosines[query], products[query, places]])
            rows = np.concatenate([self.rows[query], places + first])
            order = _best_places(cosines, self.cosines.shape[1])
            self.cosines[query], self.rows[query] = cosines[order], rows[order]

    def found(self, count: int) -> Nearest:
        """Return the first `count` of each query."""
        return Nearest(self.rows[:, :count], self.cosines[:, :count])


def _best_places(cosines: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the places of the `count` largest, the largest first, of equal ones the earlier."""
    # All that are as large as the last one wanted, so that equal ones are told apart by their place, not by chance.
    least = np.partition(cosines, -count)[-count]
    places = np.flatnonzero(cosines >= least)
    return places[np.argsort(-cosines[places], kind="stable")][:count]
