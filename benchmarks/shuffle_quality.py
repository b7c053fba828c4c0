"""How well an epoch is shuffled: whether rows that lie side by side are read side by side. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 1024
"""Rows that are stored together in one file of most formats."""


@dataclass(frozen=True, slots=True)
class ShuffleQuality:
    """What one epoch came to; a permutation of all rows at random has `distance` 0.29, `together` CHUNK / rows."""

    distance: float
    """Median distance in the epoch of two rows stored side by side, as a part of the epoch."""
    together: float
    """Share of the pairs in a batch that lie in the same CHUNK rows."""
    classes: float
    """Mean number of different classes in a batch."""


def shuffle_quality(order: NDArray[np.int64], labels: NDArray[np.int64], *, batch: int) -> ShuffleQuality:
    """Judge an epoch that gives the rows `order`, `(n,)`, of the classes `labels`, in batches."""
    places = np.empty(len(labels), np.int64)
    places[order] = np.arange(len(order))
    # Some leave the last batch out.
    seen = np.zeros(len(labels), bool)
    seen[order] = True
    both = seen[:-1] & seen[1:]
    distance = float(np.median(np.abs(np.diff(places))[both]) / len(order))
    whole = order[: len(order) // batch * batch].reshape(-1, batch)
    chunks = np.sort(whole // CHUNK, axis=1)
    pairs = [np.unique(row, return_counts=True)[1] for row in chunks]
    together = np.mean([(counts * (counts - 1)).sum() / (batch * (batch - 1)) for counts in pairs])
    classes = np.mean([len(np.unique(labels[row])) for row in whole])
    return ShuffleQuality(distance, float(together), float(classes))
