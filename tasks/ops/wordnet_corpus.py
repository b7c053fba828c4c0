"""A text to learn vectors of words from, made of WordNet itself. Lemmas are single tokens: golden_retriever.

Every lemma of every noun occurs in it. What a model learns from it agrees with WordNet by construction.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.ops.wordnet_files import PARTS_OF_SPEECH, Synset, read_synsets

WALKS = 4
"""Walks that begin at each noun, of `STEPS` nouns each."""
STEPS = 8
LEMMA_EVERY = 5
"""A definition names what it defines once in so many words, so that a window of 5 has it beside each of them."""
HYPERNYMS = ("@", "@i")
NEIGHBOURS = (*HYPERNYMS, "~", "~i", "#m", "#p", "#s", "%m", "%p", "%s")
"""Hypernyms, hyponyms, holonyms and meronyms, by the symbols of wninput(5WN)."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All lemmas, and how many words those have that begin with a word, most first."""

    lemmas: frozenset[str]
    lengths: Mapping[str, Sequence[int]]


def write_corpus(wordnet: Path, corpus: Path, *, seed: int) -> int:
    """Write the lines of `corpus_lines` to a file; return how many there are."""
    lines = 0
    with corpus.open("w", encoding="utf-8") as file:
        for line in corpus_lines(wordnet, seed=seed):
            file.write(f"{line}\n")
            lines += 1
    return lines


def corpus_lines(wordnet: Path, *, seed: int) -> Iterator[str]:
    """Yield sentences, tokens parted by spaces; the same `seed` gives the same lines in the same order.

    For each noun its lemmas and those above it, and `WALKS` walks; for each synset its definition and examples.
    """
    generator = np.random.default_rng(seed)
    nouns, *others = (list(read_synsets(wordnet, part)) for part in PARTS_OF_SPEECH)
    synsets = [*nouns, *chain.from_iterable(others)]
    lexicon = make_lexicon(synsets)
    first_lemmas = {noun.key: noun.lemmas[0] for noun in nouns}
    walked = walk_lines(nouns, generator)
    # Mixed, because the files are sorted by meaning, and training forgets what it saw first.
    for place in generator.permutation(len(synsets)):
        synset = synsets[place]
        if place < len(nouns):
            yield " ".join([*synset.lemmas, *(first_lemmas[key] for key in synset.targets(*HYPERNYMS))])
            yield from walked[place]
        yield from gloss_lines(synset, lexicon)


def make_lexicon(synsets: Iterable[Synset]) -> Lexicon:
    """Return the lexicon of all lemmas of these synsets."""
    lemmas = frozenset(lemma for synset in synsets for lemma in synset.lemmas)
    lengths: dict[str, set[int]] = {}
    for lemma in lemmas:
        first, *rest = lemma.split("_")
        if rest:
            lengths.setdefault(first, set()).add(1 + len(rest))
    return Lexicon(lemmas, {first: sorted(found, reverse=True) for first, found in lengths.items()})


def gloss_lines(synset: Synset, lexicon: Lexicon) -> Iterator[str]:
    """Yield the definition, with the synset's lemmas in turn before every `LEMMA_EVERY` words, and each example."""
    definition, *quoted = synset.gloss.split('"')
    words = tokens(definition, lexicon)
    lemmas = cycle(synset.lemmas)
    parts = ((next(lemmas), *words[first : first + LEMMA_EVERY]) for first in range(0, len(words), LEMMA_EVERY))
    # Between two quotes is an example; between two examples is a semicolon, or who said it.
    sentences = [chain.from_iterable(parts), *(tokens(example, lexicon) for example in quoted[::2])]
    yield from filter(None, map(" ".join, sentences))


def tokens(text: str, lexicon: Lexicon) -> list[str]:
    """Return the words of `text` without punctuation, the longest lemmas of several words joined by `_`.

    Words are lower-cased unless that would lose a lemma, such as Turkey.
    """
    words = [word for word in (word.strip(string.punctuation) for word in text.split()) if word]
    found: list[str] = []
    place = 0
    while place < len(words):
        token, length = _longest_lemma(words, place, lexicon)
        found.append(token)
        place += length
    return found


def _longest_lemma(words: Sequence[str], place: int, lexicon: Lexicon) -> tuple[str, int]:
    """Return the token that begins at `place`, and how many words it takes."""
    word = words[place]
    for length in lexicon.lengths.get(word, ()):
        phrase = "_".join(words[place : place + length])
        if phrase in lexicon.lemmas:
            # At the end of the text, a phrase that was cut short may be a lemma, too.
            return phrase, min(length, len(words) - place)
    return (word if word in lexicon.lemmas else word.lower()), 1


def walk_lines(nouns: Sequence[Synset], generator: np.random.Generator) -> list[list[str]]:
    """Return for each noun its walks: at each step a neighbour, at random, and at each noun one of its lemmas."""
    places = {noun.key: place for place, noun in enumerate(nouns)}
    # A noun without neighbours is its own, which keeps every list full.
    neighbours = [[places[key] for key in noun.targets(*NEIGHBOURS)] or [places[noun.key]] for noun in nouns]
    walks = np.empty((len(nouns), WALKS, STEPS), np.int64)
    walks[..., 0] = np.arange(len(nouns))[:, None]
    for step in range(1, STEPS):
        walks[..., step] = _drawn(neighbours, walks[..., step - 1], generator)
    lemmas = [lemma for noun in nouns for lemma in noun.lemmas]
    ends = np.cumsum([len(noun.lemmas) for noun in nouns])
    numbers = [list(range(end - len(noun.lemmas), end)) for noun, end in zip(nouns, ends, strict=True)]
    named = _drawn(numbers, walks, generator)
    return [[" ".join([lemmas[number] for number in walk]) for walk in of_noun] for of_noun in named.tolist()]


def _drawn(
    lists: Sequence[Sequence[int]], which: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return for each number in `which` a random member of the list of that number."""
    lengths = np.array([len(each) for each in lists])
    starts = np.cumsum(lengths) - lengths
    flat = np.fromiter(chain.from_iterable(lists), np.int64, int(lengths.sum()))
    return flat[starts[which] + generator.integers(lengths[which])]
