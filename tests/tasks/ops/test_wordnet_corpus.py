"""The text has every lemma of every noun, says only what WordNet says, and is the same for the same seed."""

from __future__ import annotations

import string
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ops.wordnet_corpus import (
    NEIGHBOURS,
    Lexicon,
    corpus_lines,
    gloss_lines,
    make_lexicon,
    tokens,
    walk_lines,
    write_corpus,
)
from tests.tasks.ops.wordnet_examples import DEBIAN, KENNEL, needs_wordnet, noun, real_nouns, write_wordnet

LEXICON = make_lexicon(KENNEL)


def lexicon(*lemmas: str) -> Lexicon:
    return make_lexicon([noun("n00000001", " ".join(lemmas))])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a guide dog leads", "a guide_dog leads"),
        ("The (guide dog), he said; leads!", "the guide_dog he said leads"),
        ("a hot dog stand", "a hot_dog_stand"),
        ("a hot dog", "a hot_dog"),
        ("one hot", "one hot"),
        ("roast Turkey in Istanbul -- Now", "roast Turkey in istanbul now"),
        ("a turkey from Turkey", "a turkey from Turkey"),
        ("St. Bernard's well-bred dogs", "st bernard's well-bred dogs"),
        ("", ""),
        (" ... ", ""),
    ],
)
def test_lemmas_of_several_words_are_one_token(text: str, expected: str):
    known = lexicon("guide_dog", "hot_dog", "hot_dog_stand", "Turkey", "turkey")
    assert " ".join(tokens(text, known)) == expected


WORDS = st.lists(st.text("abAB", min_size=1, max_size=2), max_size=12)


@given(words=WORDS, lemmas=st.lists(WORDS.filter(bool).map("_".join), min_size=1, max_size=8))
def test_no_word_is_lost_whatever_the_lexicon(words: list[str], lemmas: list[str]):
    known = lexicon(*lemmas)
    found = tokens(" ".join(words), known)
    assert [word.lower() for token in found for word in token.split("_")] == [word.lower() for word in words]
    assert all(token in known.lemmas for token in found if "_" in token or token != token.lower())


def test_a_definition_has_its_lemmas_in_turn_before_every_five_words_and_examples_follow():
    dog, laika = KENNEL[1], KENNEL[3]
    assert list(gloss_lines(dog, LEXICON)) == [
        "dog a domestic animal that has domestic_dog been kept by man as dog a guide_dog",
        "the dog barked all night",
    ]
    assert list(gloss_lines(laika, LEXICON)) == ["Laika the first dog in space", "Laika flew in 1957", "poor Laika"]


@given(definition=st.text(string.printable.replace('"', "")), example=st.text(string.printable.replace('"', "")))
def test_no_line_is_empty_and_none_has_a_break(definition: str, example: str):
    lines = list(gloss_lines(noun("n00000001", "thing", gloss=f'{definition}"{example}"'), lexicon("thing")))
    assert all(line and line == " ".join(line.split()) for line in lines)


def test_walks_go_from_neighbour_to_neighbour_and_four_begin_at_each_noun():
    nouns = KENNEL[:7]
    keys = {lemma: each.key for each in nouns for lemma in each.lemmas}
    linked = {(each.key, key) for each in nouns for key in each.targets(*NEIGHBOURS)}
    walked = walk_lines(nouns, np.random.default_rng(0))
    assert len(walked) == len(nouns)
    seen: set[tuple[str, str]] = set()
    for each, walks in zip(nouns, walked, strict=True):
        assert len(walks) == 4
        for walk in walks:
            places = [keys[lemma] for lemma in walk.split()]
            assert len(places) == 8
            assert places[0] == each.key
            seen |= set(pairwise(places))
    assert seen == linked


def test_a_noun_without_neighbours_walks_on_the_spot():
    assert walk_lines([noun("n00000001", "entity")], np.random.default_rng(0)) == [[" ".join(["entity"] * 8)] * 4]


def test_the_same_seed_gives_the_same_lines_and_another_seed_others(tmp_path: Path):
    wordnet = write_wordnet(tmp_path / "wordnet", KENNEL)
    lines = list(corpus_lines(wordnet, seed=3))
    assert lines == list(corpus_lines(wordnet, seed=3))
    assert lines != list(corpus_lines(wordnet, seed=4))
    # 7 nouns with their lemmas and 4 walks each, 10 definitions, 4 examples.
    assert len(lines) == 7 + 4 * 7 + 10 + 4
    assert "dog domestic_dog Canis" not in lines
    assert "dog domestic_dog animal" in lines
    assert "Laika dog" in lines
    assert "blind unable to see" in lines
    assert write_corpus(wordnet, tmp_path / "corpus.txt", seed=3) == len(lines)
    assert (tmp_path / "corpus.txt").read_text() == "".join(f"{line}\n" for line in lines)


@pytest.mark.slow
@needs_wordnet
def test_every_lemma_of_every_noun_occurs_in_the_corpus_of_wordnet(tmp_path: Path):
    corpus = tmp_path / "corpus.txt"
    lines = write_corpus(DEBIAN, corpus, seed=0)
    assert 560_000 < lines < 600_000
    counts: Counter[str] = Counter()
    with corpus.open(encoding="utf-8") as file:
        for line in file:
            counts.update(line.split())
    assert 4_000_000 < counts.total() < 5_500_000
    assert all(lemma in counts for each in real_nouns().values() for lemma in each.lemmas)
    # By one of its lemmas: with what it is a kind of, in four walks, and in a definition.
    assert all(sum(counts[lemma] for lemma in each.lemmas) >= 6 for each in real_nouns().values())
