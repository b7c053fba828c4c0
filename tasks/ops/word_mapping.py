"""Maps nouns of WordNet, and classes of a dataset, to word vectors. Pure: nouns and vectors in, word maps out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.word_maps import MAP_SCHEMA, WordMap
from tasks.ops.word_checks import RELATIONS
from tasks.ops.word_queries import unit_vectors
from tasks.ops.word_rules import POLICY, UNMATCHED, Match, WordRows, match_all, without_own_vector
from tasks.ops.wordnet_nouns import Noun, branch

MAPPING = ("unit vectors averaged", *(rule.name for rule in POLICY))
"""What decides a map besides words and nouns; a map that was made otherwise is made anew."""


class Vectors(WordRows, Protocol):
    """Words and their vectors, `(n, dimensions)` float32."""

    @property
    def vectors(self) -> NDArray[np.float32]: ...


def noun_map(nouns: Mapping[str, Noun], words: Vectors) -> WordMap:
    """Return the map of all `nouns`, in their order."""
    return _mapped(nouns, match_all(nouns, words), words)


def class_map(classes: Iterable[str], nouns: Mapping[str, Noun], words: Vectors) -> WordMap:
    """Return the map of the classes of a dataset, in their order.

    A class is the wnid of a noun, as in ImageNet, or else taken for a name: "golden retriever".
    """
    wanted = {name: nouns.get(name) or named_noun(name) for name in classes}
    return _mapped(wanted, match_all({**nouns, **wanted}, words, wnids=wanted), words)


@dataclass(frozen=True, slots=True)
class RowsToCheck:
    """Vectors `(n, d)`, and the row in which each word and each noun that has a vector stands."""

    vectors: NDArray[np.float32]
    words: dict[str, int]
    synsets: dict[str, int]


def rows_to_check(nouns: WordMap, words: Vectors) -> RowsToCheck:
    """Put the nouns, and the words of the relations that are known to hold, one below the other."""
    spelled = dict.fromkeys(word for relation in RELATIONS for word in (relation.word, relation.near, relation.far))
    looked_up = ((word, row_in_any_case(word, words)) for word in spelled)
    found = [(word, row) for word, row in looked_up if row is not None]
    of_words = unit_vectors(words.vectors[np.array([row for _, row in found], np.int64)])
    synsets = {nouns.names[row]: row for row in np.flatnonzero(nouns.has_vector).tolist()}
    places = {word: len(nouns) + place for place, (word, _) in enumerate(found)}
    return RowsToCheck(np.concatenate([nouns.vectors, of_words]), places, synsets)


def row_in_any_case(word: str, words: WordRows) -> int | None:
    """Return the row of a word as it is spelled, else that of its most frequent spelling."""
    row = words.row(word)
    return words.row_of_lower(word) if row is None else row


def named_noun(name: str) -> Noun:
    """Return what a class that is no noun of WordNet is matched as: its name is its one lemma."""
    lemma = re.sub(r"\s+", "_", name.strip())
    return Noun(wnid=name, lemmas=(lemma,) if lemma else (), hypernyms=(), gloss="", branch="")


def _mapped(nouns: Mapping[str, Noun], matches: Mapping[str, Match | None], words: Vectors) -> WordMap:
    """Put vectors and facts of `nouns` together, row by row."""
    shared = without_own_vector(matches)
    of_rule = {name: found.rule if found else UNMATCHED for name, found in matches.items()}
    table = pa.table(
        {
            "name": list(nouns),
            "lemmas": [noun.lemmas for noun in nouns.values()],
            "branch": [branch(noun) for noun in nouns.values()],
            "gloss": [noun.gloss for noun in nouns.values()],
            "rule": [of_rule[name] for name in nouns],
            "words": [found.words if (found := matches[name]) else () for name in nouns],
            "has_own_vector": [matches[name] is not None and name not in shared for name in nouns],
            "same_vector": [shared.get(name, ()) for name in nouns],
        },
        schema=MAP_SCHEMA,
    )
    return WordMap(_averaged([matches[name] for name in nouns], words.vectors), table)


def _averaged(matches: list[Match | None], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return for each match the mean of its rows' directions, scaled to length 1; zeros for None."""
    found = [(place, row) for place, match in enumerate(matches) if match for row in match.rows]
    places, rows = np.array(found, np.int64).reshape(-1, 2).T
    sums = np.zeros((len(matches), vectors.shape[1]), np.float32)
    np.add.at(sums, places, unit_vectors(vectors[rows]))
    return unit_vectors(sums)
