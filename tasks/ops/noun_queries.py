"""Turns what a person asks for into one vector in word space, and tells what each word was taken for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from storage.word_maps import WordMap
from tasks.ops.noun_lexicon import NounLexicon, Sense, is_wnid, singulars, spellings
from tasks.ops.word_mapping import Vectors, row_in_any_case
from tasks.ops.word_queries import suggestions, unit_vectors
from tasks.ops.word_space import NounSpace, noun_space

SMALL_WORDS = frozenset(
    {"a", "an", "and", "at", "by", "for", "from", "in", "into", "near", "of", "on", "or", "over", "the", "to", "under"}
    | {"with", "without"}
)
"""Passed over within a phrase: WordNet has nouns for some, such as the inch and the angstrom, that nobody means."""
MOST_WORDS = 12

HowTaken = Literal["noun", "plural", "word"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a part of a question was taken for.

    `how` is "noun" (a name or a wnid), "plural", or "word": no noun, but a word that has a vector. `sense` is None for
    the last. `others` are the nouns that share the name and have another vector; `shared` counts those with the same.
    """

    asked: str
    how: HowTaken
    sense: Sense | None
    others: tuple[Sense, ...] = ()
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for, as it was taken, and its vector, `(d,)` float32 of length 1 in word space."""

    taken: tuple[Taken, ...]
    passed_over: tuple[str, ...]
    vector: NDArray[np.float32]


class QuestionReader:
    """Reads questions with published word maps; `words` are all words that have a vector, nouns or not."""

    def __init__(
        self,
        nouns: WordMap,
        words: Vectors,
        *,
        space: NounSpace | None = None,
        preferred: frozenset[str] = frozenset(),
    ) -> None:
        """Nouns whose wnid is `preferred` are taken before equally usual ones. `space` is that of the nouns."""
        self._words, self._space = words, space or noun_space(nouns)
        self._lexicon = NounLexicon(nouns, preferred=preferred)

    def question(self, phrases: Sequence[str]) -> Question:
        """Return the mean direction of all that `phrases` name, each a noun or a phrase of several.

        Raises:
            ValueError: a word is not known, with what may have been meant, or the words cancel each other out.
        """
        read = [self._read(phrase) for phrase in phrases]
        taken = tuple(one for parts, _ in read for one in parts)
        passed_over = tuple(word for _, words in read for word in words)
        if not taken:
            raise ValueError(f"nothing to search for in {' '.join(phrases)!r}; name a noun, such as dog")
        vectors = np.stack([self._vector(one) for one in taken])
        # Each is known to no more than float32: what is left of a sum that cancels out is chance.
        mean = vectors.mean(axis=0)
        if np.linalg.norm(mean) < 1e-3:
            raise ValueError(f"the vectors of {', '.join(one.asked for one in taken)} cancel each other out")
        return Question(taken, passed_over, unit_vectors(mean[None])[0])

    def _read(self, phrase: str) -> tuple[list[Taken], list[str]]:
        """Return what a phrase is taken for, as one noun or as few as it falls into, and what is passed over."""
        words = phrase.split()
        if len(words) > MOST_WORDS:
            raise ValueError(f"a phrase may have {MOST_WORDS} words, got {len(words)}: {phrase!r}")
        taken: list[Taken] = []
        passed_over: list[str] = []
        while words:
            found, count = self._first_part(words, phrase)
            if found is None:
                passed_over.extend(words[:count])
            else:
                taken.append(found)
            words = words[count:]
        return taken, passed_over

    def _first_part(self, words: list[str], phrase: str) -> tuple[Taken | None, int]:
        """Return what as many of the first `words` as can be are taken for, None for a small word, and their number."""
        for count in range(len(words), 1, -1):
            if noun := self._noun("_".join(words[:count])):
                return noun, count
        word = words[0]
        if word.lower() in SMALL_WORDS and phrase.strip() != word:
            return None, 1
        found = self._noun(word) or self._word(word)
        if found is None:
            raise self._unknown(phrase, word)
        return found, 1

    def _noun(self, word: str) -> Taken | None:
        for spelled in spellings(word):
            if senses := self._lexicon.senses(spelled):
                return self._taken(word, "noun", senses)
        for singular in singulars(word):
            if senses := self._lexicon.senses(singular):
                return self._taken(word, "plural", senses)
        return None

    def _taken(self, word: str, how: HowTaken, senses: list[Sense]) -> Taken:
        first, *others = senses
        own = self._space.unit(first.row)
        is_same = [np.array_equal(self._space.unit(other.row), own) for other in others]
        apart = tuple(other for other, same in zip(others, is_same, strict=True) if not same)
        return Taken(word, how, first, apart, sum(is_same))

    def _word(self, word: str) -> Taken | None:
        return None if row_in_any_case(word, self._words) is None else Taken(word, "word", None)

    def _vector(self, taken: Taken) -> NDArray[np.float32]:
        """Return the vector of a part in word space, `(d,)`."""
        if taken.sense is not None:
            return self._space.unit(taken.sense.row)
        row = row_in_any_case(taken.asked, self._words)
        return self._space.word(np.asarray(self._words.vectors[row]))

    def _unknown(self, phrase: str, word: str) -> ValueError:
        if is_wnid(word):
            return ValueError(f"no noun of WordNet 3.0 that has a vector is {word}")
        known = self._lexicon.known_lemmas()
        whole = "_".join(phrase.split())
        meant = suggestions(whole, known) or suggestions(word, known)
        told = f"perhaps you meant: {', '.join(meant)}" if meant else "nothing is spelled like it"
        within = "" if whole == word else f" in {phrase!r}"
        return ValueError(f"there is neither a noun nor another word with a vector for {word!r}{within}; {told}")
