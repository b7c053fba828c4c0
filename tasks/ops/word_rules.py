"""Which word vector stands for a noun of WordNet: rules in order, of which the first that finds one decides.

A rule is data: a name, and a pure function from a noun to the words that it would take. Rules know neither WordNet nor
the file of vectors; whatever has the two or three attributes below will do.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


class Noun(Protocol):
    """A noun synset. Lemmas are spelled as in WordNet, with `_` for spaces, the most usual first."""

    @property
    def wnid(self) -> str: ...

    @property
    def lemmas(self) -> tuple[str, ...]: ...

    @property
    def hypernyms(self) -> tuple[str, ...]:
        """The wnids of the nouns just above it."""
        ...


class WordRows(Protocol):
    """Knows which row a word's vector has."""

    def row(self, word: str) -> int | None: ...

    def row_of_lower(self, word: str) -> int | None:
        """Return the row of the most frequent spelling of `word` in whatever case."""
        ...


Nouns = Mapping[str, Noun]
"""Nouns by wnid."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Words to look for: at least `least` of them must have a vector, and the mean of those that have one counts."""

    words: tuple[str, ...]
    any_case: bool = False
    least: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """One step of the policy: its name, and the candidates that it gives for a noun, the best first."""

    name: str
    candidates: Callable[[Noun, Nouns], Iterator[Candidate]]


@dataclass(frozen=True, slots=True)
class Match:
    """What stands for a noun: the rule that found it, the words as they were looked for, and the rows to average."""

    rule: str
    words: tuple[str, ...]
    rows: tuple[int, ...]


_SEPARATOR = re.compile("[-_ ]+")
_MARKS = re.compile("['’.,/()]+")
_PREPOSITIONS = frozenset(("of", "in", "on", "at", "for", "to", "with", "from", "by", "de", "du", "des", "di", "von"))
_SMALL_WORDS = _PREPOSITIONS | {"the", "a", "an", "and", "or", "la", "le", "s"}


def exact_phrase(noun: Noun, nouns: Nouns) -> Iterator[Candidate]:
    """The first lemma as WordNet spells it: golden_retriever."""
    yield from (Candidate((lemma,)) for lemma in noun.lemmas[:1])


def case_variants(noun: Noun, nouns: Nouns) -> Iterator[Candidate]:
    """The first lemma in other case: golden_retriever, Golden_Retriever, Golden_retriever, GOLDEN_RETRIEVER, any."""
    for lemma in noun.lemmas[:1]:
        yield from _in_other_case(lemma)


def other_lemmas(noun: Noun, nouns: Nouns) -> Iterator[Candidate]:
    """The other lemmas in their order, each as it is spelled and then in other case."""
    for lemma in noun.lemmas[1:]:
        yield Candidate((lemma,))
        yield from _in_other_case(lemma)


def spacing_variants(noun: Noun, nouns: Nouns) -> Iterator[Candidate]:
    """Every lemma with its parts joined by `_`, by `-` or by nothing, without apostrophes and dots, in any case."""
    for lemma in noun.lemmas:
        plain = _MARKS.sub("", lemma)
        variants = (_SEPARATOR.sub(joint, word) for word in (lemma, plain) for joint in ("_", "-", ""))
        for variant in dict.fromkeys(variants):
            if variant and variant != lemma:
                yield Candidate((variant,))
                yield Candidate((variant,), any_case=True)


def head_word(noun: Noun, nouns: Nouns) -> Iterator[Candidate]:
    """What a phrase is a kind of: retriever for golden_retriever, bird for bird_of_prey."""
    for lemma in noun.lemmas:
        if head := _head(lemma):
            yield Candidate((head,))
            yield Candidate((head,), any_case=True)


def mean_of_parts(noun: Noun, nouns: Nouns) -> Iterator[Candidate]:
    """The mean of a phrase's parts, of two at least: one alone would be a mere attribute, as genus in genus_Felis."""
    for lemma in noun.lemmas:
        parts = tuple(dict.fromkeys(part for part in _parts(lemma) if part.lower() not in _SMALL_WORDS))
        if len(parts) >= 2:
            yield Candidate(parts, any_case=True, least=2)


def nearest_hypernym(noun: Noun, nouns: Nouns) -> Iterator[Candidate]:
    """What a noun above it is called, by the rules for names only: the nearest first, of equals in their order."""
    waiting, seen = deque(noun.hypernyms), {noun.wnid}
    while waiting:
        wnid = waiting.popleft()
        if wnid in seen or wnid not in nouns:
            continue
        seen.add(wnid)
        for by_name in (exact_phrase, case_variants, other_lemmas, spacing_variants):
            yield from by_name(nouns[wnid], nouns)
        waiting.extend(nouns[wnid].hypernyms)


POLICY = (
    Rule("exact phrase", exact_phrase),
    Rule("case variant", case_variants),
    Rule("other lemma", other_lemmas),
    Rule("hyphen or spacing", spacing_variants),
    Rule("head word", head_word),
    Rule("mean of parts", mean_of_parts),
    Rule("hypernym", nearest_hypernym),
)
BORROWING = frozenset(("head word", "hypernym"))
"""Rules by which a noun gets the vector of another notion."""
UNMATCHED = "no vector"
MOST_NAMED = 20
"""Nouns that are named as having the same vector as another."""


def match(noun: Noun, vectors: WordRows, nouns: Nouns, *, policy: tuple[Rule, ...] = POLICY) -> Match | None:
    """Return what stands for `noun` by the first rule of `policy` that finds it, None where none does."""
    for rule in policy:
        for candidate in rule.candidates(noun, nouns):
            if found := _looked_up(candidate, vectors):
                return Match(rule.name, *found)
    return None


def match_all(
    nouns: Nouns, vectors: WordRows, *, wnids: Iterable[str] | None = None, policy: tuple[Rule, ...] = POLICY
) -> dict[str, Match | None]:
    """Return the match of each of `wnids`, all of `nouns` unless given, in their order.

    Raises:
        KeyError: `nouns` lacks one of `wnids`.
    """
    chosen = nouns if wnids is None else wnids
    return {wnid: match(nouns[wnid], vectors, nouns, policy=policy) for wnid in chosen}


def coverage(matches: Mapping[str, Match | None], *, policy: tuple[Rule, ...] = POLICY) -> dict[str, int]:
    """Return how many nouns each rule matched, in the order of `policy`, and last how many none did (`UNMATCHED`)."""
    counts = dict.fromkeys([*(rule.name for rule in policy), UNMATCHED], 0)
    for found in matches.values():
        counts[found.rule if found else UNMATCHED] += 1
    return counts


def without_own_vector(matches: Mapping[str, Match | None]) -> dict[str, tuple[str, ...]]:
    """Return the nouns that no vector tells apart, each with the others of `matches` that have the same.

    Those are nouns that average the same rows, such as two senses of one word, and nouns whose vector is borrowed
    from a head word or a hypernym, even where nobody shares it. Zero-shot evaluation leaves them out. Of many others
    the first `MOST_NAMED` are given: of a small text's words, one may stand for 80,000 nouns.
    """
    sharing: dict[frozenset[int], list[str]] = defaultdict(list)
    for wnid, found in matches.items():
        if found:
            sharing[frozenset(found.rows)].append(wnid)
    marked = {}
    for wnid, found in matches.items():
        if not found:
            continue
        same = sharing[frozenset(found.rows)]
        if len(same) > 1 or found.rule in BORROWING:
            marked[wnid] = tuple(other for other in same[: MOST_NAMED + 1] if other != wnid)[:MOST_NAMED]
    return marked


def _looked_up(candidate: Candidate, vectors: WordRows) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    """Return the words of a candidate that have a vector, and their rows, if they are enough."""
    row_of = vectors.row_of_lower if candidate.any_case else vectors.row
    found = [(word, row) for word in candidate.words if (row := row_of(word)) is not None]
    if len(found) < candidate.least:
        return None
    words, rows = zip(*found, strict=True)
    return words, rows


def _in_other_case(lemma: str) -> Iterator[Candidate]:
    """Give the spellings of `lemma` that are usual in text, and last the most frequent one of any."""
    lowered = lemma.lower()
    # Letter by letter, since `str.title` begins a word anew after an apostrophe.
    titled = re.sub(r"(?:^|(?<=[-_ ]))\w", lambda letter: letter[0].upper(), lowered)
    for variant in dict.fromkeys((lowered, titled, lowered[:1].upper() + lowered[1:], lemma.upper())):
        if variant != lemma:
            yield Candidate((variant,))
    yield Candidate((lemma,), any_case=True)


def _parts(lemma: str) -> list[str]:
    return [part for part in _SEPARATOR.split(lemma) if part]


def _head(lemma: str) -> str | None:
    """Return the head of a phrase: what stands before a preposition, else its last part. A number heads nothing."""
    parts = _parts(lemma)
    stops = (place for place, part in enumerate(parts) if place and part.lower() in _PREPOSITIONS)
    stop = next(stops, len(parts))
    if len(parts) < 2 or not any(map(str.isalpha, parts[stop - 1])):
        return None
    return parts[stop - 1]
