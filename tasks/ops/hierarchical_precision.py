"""Hierarchical precision: how many of the first k guesses lie near the true class in WordNet. Pure: rows in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.ops.wordnet_hops import HopGraph, rings

HIERARCHICAL_KS = (2, 5, 10, 20)
"""At which Frome et al. (2013) report it; at 1 it is hit@1."""


def hierarchical_precision(
    nearest: NDArray[np.integer],
    truth: NDArray[np.integer],
    ks: Sequence[int] = HIERARCHICAL_KS,
    *,
    graph: HopGraph,
    labels: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Return for each image the share of its first k guesses that are right, `(n, len(ks))`.

    `nearest`, `(n, at least max(ks))`, are the guesses, the nearest first, `truth`, `(n,)`, the true classes, `labels`,
    `(c,)`, all candidates; all of them rows of `graph`.

    As in Frome et al. (2013), "DeViSE: a deep visual-semantic embedding model", appendix: of the true class y, what is
    right at k is grown by whole rings, R = 0, 1, 2, … hops around y in the hierarchy, of which only candidates are
    taken, until there are at least k. It may hold more than k, as a ring is taken whole, and fewer only if WordNet
    holds no more that can be reached. The precision is the number of the first k guesses in it over k.

    Raises:
        ValueError: there are too few guesses, or a true class is no candidate.
    """
    if nearest.shape[0] != len(truth) or nearest.shape[1] < max(ks):
        raise ValueError(f"expected {max(ks)} guesses for each of {len(truth)} images, got {nearest.shape}")
    if not np.isin(truth, labels).all():
        raise ValueError("some true classes are no candidates, so nothing could be right at 1")
    is_label = np.zeros(len(graph), bool)
    is_label[labels] = True
    found = np.empty((len(truth), len(ks)))
    for one in np.unique(truth):
        rows = np.flatnonzero(truth == one)
        for column, right in enumerate(right_at(graph, int(one), ks, is_label=is_label)):
            found[rows, column] = np.isin(nearest[rows, : ks[column]], right).sum(axis=1) / ks[column]
    return found


def right_at(graph: HopGraph, true: int, ks: Sequence[int], *, is_label: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return for each of `ks` the rows that are right for the row `true`; the paper's hCorrectSet."""
    counts, found = [0], np.empty(0, np.int64)
    for ring in rings(graph, np.array([true])):
        found = np.concatenate([found, ring[is_label[ring]]])
        counts.append(len(found))
        if len(found) >= max(ks):
            break
    return [found[: next((count for count in counts if count >= k), len(found))] for k in ks]
