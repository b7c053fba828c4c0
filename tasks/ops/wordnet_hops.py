"""Steps between nouns over hypernyms and hyponyms, either way. Pure: pairs of rows in, counts of steps out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.class_splits import UNREACHABLE
from tasks.ops.wordnet_nouns import Noun


@dataclass(frozen=True, slots=True, eq=False)
class HopGraph:
    """Who is one hop from whom: the neighbours of row i are `neighbours[starts[i] : starts[i + 1]]`, ascending."""

    starts: NDArray[np.int64]
    neighbours: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1


def hypernym_pairs(nouns: Mapping[str, Noun]) -> NDArray[np.int32]:
    """Return each noun with each of its hypernyms, those of instances too, `(m, 2)` rows in the order of `nouns`."""
    rows = {wnid: row for row, wnid in enumerate(nouns)}
    pairs = [(rows[noun.wnid], rows[above]) for noun in nouns.values() for above in noun.hypernyms]
    return np.array(sorted(set(pairs)), np.int32).reshape(-1, 2)


def hop_graph(pairs: NDArray[np.integer], *, nouns: int) -> HopGraph:
    """Return the graph of `nouns` rows in which the two of each of `pairs`, `(m, 2)`, are one hop apart.

    Raises:
        ValueError: a pair names a row that is not there.
    """
    if len(pairs) and not 0 <= pairs.min() <= pairs.max() < nouns:
        raise ValueError(f"expected pairs of rows from 0 to {nouns - 1}, got {pairs.min()} to {pairs.max()}")
    both_ways = np.concatenate([pairs, pairs[:, ::-1]]).astype(np.int64)
    both_ways = np.unique(both_ways, axis=0)
    starts = np.searchsorted(both_ways[:, 0], np.arange(nouns + 1))
    return HopGraph(starts.astype(np.int64), np.ascontiguousarray(both_ways[:, 1]))


def rings(graph: HopGraph, sources: NDArray[np.integer]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows at 0, 1, 2, … hops from the nearest of `sources`, each ring ascending, until none is left."""
    is_reached = np.zeros(len(graph), bool)
    ring = np.unique(sources).astype(np.int64)
    while len(ring):
        is_reached[ring] = True
        yield ring
        near = _neighbours_of(graph, ring)
        ring = np.unique(near[~is_reached[near]])


def hops_from(graph: HopGraph, sources: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return the hops from each row to the nearest of `sources`, `(n,)`: 0 for those, -1 where there is no way."""
    hops = np.full(len(graph), UNREACHABLE, np.int32)
    for distance, ring in enumerate(rings(graph, sources)):
        hops[ring] = distance
    return hops


def _neighbours_of(graph: HopGraph, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the neighbours of all `rows`, one after another."""
    firsts, counts = graph.starts[rows], graph.starts[rows + 1] - graph.starts[rows]
    # For each neighbour its place among all: that of its row's first, and how many of that row stand before it.
    before = np.cumsum(counts) - counts
    return graph.neighbours[np.repeat(firsts - before, counts) + np.arange(counts.sum())]
