"""Where the true class stands among candidates, and which candidates are nearest. Pure: unit vectors in, ranks out.

Embeddings and candidates are float32 vectors of length 1, so that their product is the cosine. Products are made some
rows at a time: of 100,000 embeddings and 82,115 nouns there is never one matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

KS = (1, 2, 5, 10, 20)
"""At which Frome et al. (2013) report hits."""
TIE = 1e-6
"""Cosines that differ by less are equal: float32 rounds the same product otherwise at another place of a matrix."""
_SCORES_AT_ONCE = 2**24


def ranks_of(
    embeddings: NDArray[np.float32], candidates: NDArray[np.float32], truth: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Return how many candidates are as near to each embedding as its true one or nearer, `(n,)`; 0 is best.

    `embeddings` are `(n, d)`, `candidates` `(c, d)`, and `truth`, `(n,)`, has the candidate of each embedding. Ties
    count against the embedding: one that is all zeros, as near to everything, comes last everywhere.

    Raises:
        ValueError: the shapes do not fit, an embedding is not finite, or a true candidate is not there.
    """
    if truth.shape != embeddings.shape[:1]:
        raise ValueError(f"expected a true candidate for each of {len(embeddings)} embeddings, got {truth.shape}")
    if len(truth) and not 0 <= truth.min() <= truth.max() < len(candidates):
        raise ValueError(f"true candidates must lie in 0..{len(candidates) - 1}, got {truth.min()} to {truth.max()}")
    ranks = np.empty(len(embeddings), np.int64)
    for rows, scores in _scored(embeddings, candidates):
        own = np.take_along_axis(scores, truth[rows, None], axis=1)
        ranks[rows] = (scores > own - TIE).sum(axis=1) - 1
    return ranks


def nearest_candidates(embeddings: NDArray[np.float32], candidates: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the `k` candidates nearest to each embedding, `(n, k)`, the nearest first; of equal ones the earlier.

    Raises:
        ValueError: the shapes do not fit, an embedding is not finite, or there are fewer candidates.
    """
    if not 1 <= k <= len(candidates):
        raise ValueError(f"expected from 1 to {len(candidates)} of the candidates to be asked for, got {k}")
    found = np.empty((len(embeddings), k), np.int64)
    for rows, scores in _scored(embeddings, candidates):
        least = np.partition(scores, -k, axis=1)[:, -k]
        for row, own, limit in zip(range(rows.start, rows.stop), scores, least, strict=True):
            # All that are as near as the last one wanted, so that equal ones are told apart by their place.
            places = np.flatnonzero(own >= limit)
            found[row] = places[np.argsort(-own[places], kind="stable")][:k]
    return found


def hits(ranks: NDArray[np.integer], ks: Sequence[int] = KS) -> NDArray[np.bool_]:
    """Return whether the true candidate is among the first k, `(n, len(ks))`."""
    return ranks[:, None] < np.asarray(ks, np.int64)


def chance_of_hit(ks: Sequence[int], *, candidates: int) -> NDArray[np.float64]:
    """Return how often the true one of `candidates` is among k drawn at random, `(len(ks),)`: k / candidates."""
    if candidates < 1:
        raise ValueError(f"expected at least 1 candidate, got {candidates}")
    return np.minimum(np.asarray(ks, np.float64) / candidates, 1.0)


def _scored(
    embeddings: NDArray[np.float32], candidates: NDArray[np.float32]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield some rows, and their cosines with all candidates, until all rows were there."""
    if embeddings.ndim != 2 or candidates.ndim != 2 or embeddings.shape[1] != candidates.shape[1]:
        raise ValueError(f"expected (n, d) embeddings and (c, d) candidates, got {embeddings.shape, candidates.shape}")
    at_once = max(1, _SCORES_AT_ONCE // max(1, len(candidates)))
    for first in range(0, len(embeddings), at_once):
        rows = slice(first, min(first + at_once, len(embeddings)))
        scores = embeddings[rows] @ candidates.T
        if not np.isfinite(scores).all():
            raise ValueError("some embeddings or candidates are not finite: the model that made them is of no use")
        yield rows, scores
