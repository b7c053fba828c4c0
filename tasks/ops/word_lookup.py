"""Answers what a person asks of published word maps: what is near a word, and how near two words are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.word_maps import WordMap
from tasks.ops.word_mapping import Vectors, row_in_any_case
from tasks.ops.word_queries import cosine, nearest, suggestions, unit_vectors

SENSES = 100
"""More nouns than share one name: so many are looked through beyond those that are wanted."""


@dataclass(frozen=True, slots=True)
class NearNoun:
    """A noun near a word: its most usual name, its wnid, its branch of WordNet, what it means, and the cosine."""

    name: str
    wnid: str
    branch: str
    gloss: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Nearness:
    """A word as it was asked for, with `_` for spaces; the nouns that it names, and those that are near it."""

    word: str
    senses: tuple[NearNoun, ...]
    nouns: tuple[NearNoun, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two words, the cosine of their vectors, and how many nouns are nearer to the first than the second is.

    Those that the first word itself names do not count.
    """

    first: str
    second: str
    cosine: float
    nearer: int
    nouns: int


def near_word(word: str, nouns: WordMap, vectors: Vectors, *, count: int) -> Nearness:
    """Return the `count` nouns that are nearest to `word`, each name once, and without its own.

    Where the word itself has no vector, that of the first noun that it names stands for it.

    Raises:
        ValueError: neither has a vector; the message has words that may have been meant.
    """
    spelled, vector = _looked_up(word, nouns, vectors)
    own = _rows_named(spelled, nouns)
    found: dict[str, NearNoun] = {}
    for neighbour in nearest(vector, nouns.vectors, count=count + SENSES, leave_out=own):
        found.setdefault(nouns.labels[neighbour.row], _near_noun(nouns, neighbour.row, neighbour.cosine))
    senses = tuple(_near_noun(nouns, row, cosine(vector, nouns.vectors[row])) for row in own)
    return Nearness(spelled, senses, tuple(found.values())[:count])


def compared(first: str, second: str, nouns: WordMap, vectors: Vectors) -> Comparison:
    """Return how near two words are.

    Raises:
        ValueError: one of them has no vector.
    """
    (first_spelled, one), (second_spelled, other) = (_looked_up(word, nouns, vectors) for word in (first, second))
    found = cosine(one, other)
    # The other's own senses are at exactly `found`, give or take a rounding.
    is_nearer = nouns.vectors @ unit_vectors(one[None])[0] > found + 1e-6
    is_nearer[_rows_named(first_spelled, nouns)] = False
    return Comparison(first_spelled, second_spelled, found, int(is_nearer.sum()), len(nouns))


def _looked_up(word: str, nouns: WordMap, vectors: Vectors) -> tuple[str, NDArray[np.float32]]:
    spelled = "_".join(word.split())
    row = row_in_any_case(spelled, vectors)
    if row is not None:
        return spelled, np.asarray(vectors.vectors[row])
    named = next((row for row in _rows_named(spelled, nouns) if nouns.has_vector[row]), None)
    if named is None:
        with_vector = np.flatnonzero(nouns.has_vector).tolist()
        known = list(dict.fromkeys(lemma for row in with_vector for lemma in nouns.lemmas[row]))
        meant = ", ".join(suggestions(spelled, known)) or "nothing that is like it"
        raise ValueError(f"there is no vector for {word!r}; perhaps you meant: {meant}")
    return spelled, nouns.vectors[named]


def _rows_named(word: str, nouns: WordMap) -> list[int]:
    """Return the rows of the nouns that have `word` for a lemma, in whatever case."""
    lowered = word.lower()
    return [row for row, lemmas in enumerate(nouns.lemmas) if lowered in map(str.lower, lemmas)]


def _near_noun(nouns: WordMap, row: int, found: float) -> NearNoun:
    branch, gloss = (nouns.table[column][row].as_py() for column in ("branch", "gloss"))
    return NearNoun(nouns.labels[row], nouns.names[row], branch, gloss, found)
