"""Finds nouns of published word maps as a person spells them: by lemma in whatever case, by wnid, in the plural."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.word_maps import WordMap

_WNID = re.compile(r"n\d{8}")
_PLURALS = (
    ("men", "man"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ies", "y"),
    ("s", ""),
)
"""Ending → that of the singular: the rules of detachment for nouns in WordNet's own manual, morphy(7WN)."""

VISIBLE = frozenset({"animal", "artifact", "body", "food", "object", "person", "phenomenon", "plant", "substance"})
"""The branches of WordNet whose nouns a picture can show."""


@dataclass(frozen=True, slots=True)
class Sense:
    """One noun that a word names: its row, its wnid, and what it means."""

    row: int
    wnid: str
    label: str
    gloss: str


class NounLexicon:
    """The nouns of a word map that have a vector, by whatever names them."""

    def __init__(self, nouns: WordMap, *, preferred: frozenset[str] = frozenset()) -> None:
        """Of equally usual nouns with one name, those whose wnid is `preferred` come first: classes of a dataset."""
        self._nouns, self._preferred = nouns, preferred
        lemmas = nouns.table["lemmas"].combine_chunks()
        self._lemmas: pa.StringArray = lemmas.flatten()
        self._lowered = pc.utf8_lower(self._lemmas)
        self._starts = lemmas.offsets.to_numpy() - lemmas.offsets[0].as_py()

    def senses(self, word: str) -> list[Sense]:
        """Return the nouns that `word` names, the most usual first; `_` stands for spaces, and case does not count.

        Word maps do not tell how often a noun is meant by a name. Most usual is the one that is spelled just so, then
        the one of which it is the first name, then a preferred one, one that can be seen, the first of the map.
        """
        if is_wnid(word):
            row = self._nouns.rows.get(word)
            return [] if row is None or not self._nouns.has_vector[row] else [self._sense(row)]
        places = np.flatnonzero(pc.equal(self._lowered, word.lower()).to_numpy(zero_copy_only=False))
        rows = np.searchsorted(self._starts, places, side="right") - 1
        order = sorted(
            (self._lemmas[place].as_py() != word, place - self._starts[row], *self._demerits(row), row)
            for place, row in zip(places.tolist(), rows.tolist(), strict=True)
            if self._nouns.has_vector[row]
        )
        return [self._sense(row) for row in dict.fromkeys(row for *_, row in order)]

    def known_lemmas(self) -> list[str]:
        """Return all names of nouns that have a vector, once each."""
        counts = np.diff(self._starts)
        return list(dict.fromkeys(self._lemmas.filter(pa.array(np.repeat(self._nouns.has_vector, counts))).to_pylist()))

    def _demerits(self, row: int) -> tuple[bool, bool]:
        return self._nouns.names[row] not in self._preferred, self._nouns.table["branch"][row].as_py() not in VISIBLE

    def _sense(self, row: int) -> Sense:
        lemmas, gloss = (self._nouns.table[column][row].as_py() for column in ("lemmas", "gloss"))
        wnid = self._nouns.names[row]
        return Sense(row, wnid, lemmas[0] if lemmas else wnid, gloss)


def is_wnid(word: str) -> bool:
    """Tell whether `word` is spelled as a wnid is: the letter n and eight digits."""
    return _WNID.fullmatch(word) is not None


def spellings(word: str) -> Iterator[str]:
    """Yield `word` as it is, then with other joints, as in ice-cream, ice_cream and icecream, each once."""
    yield from dict.fromkeys([word, *(re.sub("[-_]", joint, word) for joint in ("_", "-", ""))])


def singulars(word: str) -> Iterator[str]:
    """Yield what `word` may be the plural of."""
    for ending, replacement in _PLURALS:
        if word.lower().endswith(ending) and len(word) > len(ending) + 1:
            yield word[: -len(ending)] + replacement
