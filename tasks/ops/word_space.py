"""Word space: the vectors of nouns less their mean, scaled to length 1. Images are mapped into it, and looked up there.

Without that, vectors that were learnt from WordNet all lean one way, and every cosine is near .99.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storage.word_maps import WordMap
from tasks.ops.word_queries import unit_vectors


def noun_centre(nouns: WordMap) -> NDArray[np.float32]:
    """Return the mean of all nouns that have a vector, `(d,)` float32.

    Raises:
        ValueError: none has.
    """
    has_vector = nouns.has_vector
    if not has_vector.any():
        raise ValueError("no noun of these word maps has a vector; make others: imagemill words")
    # The zeros of nouns without a vector add nothing to the sum.
    return (nouns.vectors.sum(axis=0, dtype=np.float64) / has_vector.sum()).astype(np.float32)


def in_word_space(vectors: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of a word map, `(n, d)`, in word space; those that are all zeros, of nothing known, stay so."""
    moved = vectors - centre
    moved[~vectors.any(axis=1)] = 0
    return unit_vectors(moved)
