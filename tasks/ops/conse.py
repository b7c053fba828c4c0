"""ConSE, the baseline that learns nothing: an image is the mean of the words that a classifier finds likely. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.ops.word_queries import unit_vectors

TOP = 10
"""T of the paper: with 10 it reports its best figures, and with 1,000 nearly the same."""
_ROWS_AT_ONCE = 8_192


def conse_embeddings(
    probabilities: NDArray[np.floating], vectors: NDArray[np.float32], *, top: int = TOP
) -> NDArray[np.float32]:
    """Return the embedding of each image, `(n, d)` float32 of length 1.

    `probabilities`, `(n, s)`, are a softmax over the seen classes, `vectors`, `(s, d)`, the unit vectors of those. The
    embedding is the sum of the vectors of the `top` likeliest classes, each times its probability (Norouzi et al. 2014,
    "Zero-shot learning by convex combination of semantic embeddings", equation 3); the paper divides by the sum of
    those probabilities, which a length of 1 makes no matter.

    Raises:
        ValueError: the shapes do not fit, a probability is negative or not finite, or `top` is no number of classes.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(vectors) or top < 1:
        expected = f"probabilities (n, {len(vectors)}) and at least the 1 likeliest class"
        raise ValueError(f"expected {expected}, got {probabilities.shape} and {top}")
    if not (np.isfinite(probabilities).all() and (probabilities >= 0).all()):
        raise ValueError("expected probabilities, got numbers that are negative or not finite")
    found = np.empty((len(probabilities), vectors.shape[1]), np.float32)
    for first in range(0, len(probabilities), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        found[rows] = unit_vectors(_likeliest(probabilities[rows], top) @ vectors)
    return found


def _likeliest(probabilities: NDArray[np.floating], top: int) -> NDArray[np.float32]:
    """Return `probabilities` with all but the `top` largest of each row at 0; of equal ones the earlier stay."""
    places = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    kept = np.zeros(probabilities.shape, np.float32)
    np.put_along_axis(kept, places, np.take_along_axis(probabilities, places, axis=1), axis=1)
    return kept
