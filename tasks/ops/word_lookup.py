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
    """A word as it is spelled in the vectors, the nouns that it names, and those that are near it."""

    word: str
    senses: tuple[NearNoun, ...]
    nouns: tuple[NearNoun, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two words, the cosine of their vectors, and how many nouns are nearer to the first than the second is."""

    first: str
    second: str
    cosine: float
    nearer: int
    nouns: int


def near_word(word: str, nouns: WordMap, vectors: Vectors, *, count: int) -> Nearness:
    """Return the `count` nouns that are nearest to `word`, each name once, and without its own.

    Raises:
        ValueError: the word has no vector; the message has words that may have been meant.
    """
    spelled, vector = _looked_up(word, nouns, vectors)
    own = {row for row, lemmas in enumerate(nouns.lemmas) if spelled.lower() in map(str.lower, lemmas)}
    found: dict[str, NearNoun] = {}
    for neighbour in nearest(vector, nouns.vectors, count=count + SENSES, leave_out=own):
        found.setdefault(nouns.labels[neighbour.row], _near_noun(nouns, neighbour.row, neighbour.cosine))
    senses = tuple(_near_noun(nouns, row, cosine(vector, nouns.vectors[row])) for row in sorted(own))
    return Nearness(spelled, senses, tuple(found.values())[:count])


def compared(first: str, second: str, nouns: WordMap, vectors: Vectors) -> Comparison:
    """Return how near two words are.

    Raises:
        ValueError: one of them has no vector.
    """
    (first_spelled, one), (second_spelled, other) = (_looked_up(word, nouns, vectors) for word in (first, second))
    found = cosine(one, other)
    # Its own senses and those of the other are at exactly 1 and `found`, give or take a rounding.
    nearer = int((nouns.vectors @ unit_vectors(one[None])[0] > found + 1e-6).sum())
    return Comparison(first_spelled, second_spelled, found, nearer, len(nouns))


def _looked_up(word: str, nouns: WordMap, vectors: Vectors) -> tuple[str, NDArray[np.float32]]:
    spelled = "_".join(word.split())
    row = row_in_any_case(spelled, vectors)
    if row is None:
        known = list(dict.fromkeys(lemma for lemmas in nouns.lemmas for lemma in lemmas))
        meant = ", ".join(suggestions(spelled, known)) or "nothing that is like it"
        raise ValueError(f"there is no vector for {word!r}; perhaps you meant: {meant}")
    return spelled, np.asarray(vectors.vectors[row])


def _near_noun(nouns: WordMap, row: int, found: float) -> NearNoun:
    branch, gloss = (nouns.table[column][row].as_py() for column in ("branch", "gloss"))
    return NearNoun(nouns.labels[row], nouns.names[row], branch, gloss, found)
