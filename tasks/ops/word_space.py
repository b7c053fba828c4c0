"""Word space: the vectors of nouns less their mean, scaled to length 1. Images are mapped into it, and looked up there.

Without that, vectors that were learnt from WordNet all lean one way, and every cosine is near .99.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.word_maps import WordMap
from tasks.ops.word_queries import unit_vectors

ROUNDS = 4
"""So far up a noun hears of what is above it; what comes from farther is lost in what lies between."""


@dataclass(frozen=True, slots=True, eq=False)
class NounSpace:
    """The nouns of a map in word space; `centre` `(d,)` is the mean of their `vectors` `(n, d)`.

    A question asks for a few of 82,115: they are put there one by one, unless they were `drawn` upwards all together.
    """

    vectors: NDArray[np.float32]
    centre: NDArray[np.float32]
    drawn: NDArray[np.float32] | None = None

    def units(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return where the nouns `rows` lie, `(len(rows), d)` of length 1; all zeros where there is no vector."""
        return in_word_space(self.vectors[rows], self.centre) if self.drawn is None else self.drawn[rows]

    def unit(self, row: int) -> NDArray[np.float32]:
        """Return where one noun lies, `(d,)`."""
        return self.units(np.array([row]))[0]

    def word(self, vector: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return where the vector of another word lies, `(d,)`."""
        return in_word_space(unit_vectors(vector[None].astype(np.float32)), self.centre)[0]


def noun_space(nouns: WordMap, *, hypernyms: NDArray[np.integer] | None = None, weight: float = 0.0) -> NounSpace:
    """Return the nouns of a map in word space, each drawn by `weight` towards what it is a kind of.

    `hypernyms` are pairs of rows `(m, 2)`, a noun and one above it.

    Raises:
        ValueError: no noun has a vector.
    """
    vectors, centre = np.asarray(nouns.vectors), noun_centre(nouns)
    if hypernyms is None or weight == 0:
        return NounSpace(vectors, centre)
    return NounSpace(vectors, centre, drawn_upwards(in_word_space(vectors, centre), hypernyms, weight))


def drawn_upwards(
    units: NDArray[np.float32], hypernyms: NDArray[np.integer], weight: float, *, rounds: int = ROUNDS
) -> NDArray[np.float32]:
    """Return `units` plus `weight` times the mean direction of those above, which were drawn upwards too, as units.

    Kinds of one thing come nearer to each other. A model that has seen some of them can then tell more of the others:
    on the demonstration set pictures of unseen classes are named right a quarter more often (docs/results.md).
    """
    hypernyms = hypernyms[np.argsort(hypernyms[:, 0], kind="stable")]
    narrower, starts = np.unique(hypernyms[:, 0], return_index=True)
    is_known = units.any(axis=1, keepdims=True)
    found = units
    for _ in range(rounds if len(hypernyms) else 0):
        above = np.zeros_like(units)
        above[narrower] = np.add.reduceat(found[hypernyms[:, 1]], starts, axis=0)
        drawn = unit_vectors((units + weight * unit_vectors(above)).astype(np.float32))
        found = np.where(is_known, drawn, np.float32(0))
    return found


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
