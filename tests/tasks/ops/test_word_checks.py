"""Good vectors pass, bad ones fail with a sentence that says at what, and figures are those of other libraries."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from tasks.ops.word_checks import (
    PAIRS,
    RELATIONS,
    Thresholds,
    check_vectors,
    cosines,
    rank_correlation,
    sample_pairs,
    sorted_relations,
)
from tasks.ops.wordnet_nouns import Noun
from tasks.ops.wordnet_taxonomy import Taxonomy
from tests.tasks.ops.wordnet_examples import needs_wordnet, real_nouns

WORDS = sorted({word for each in RELATIONS for word in (each.word, each.near, each.far)})
NONE = Thresholds(relations_present=0, relations_held=0, correlation=-1)


def kinds_of_nouns() -> dict[str, Noun]:
    """A tree: 1 root, 10 kinds, 10 kinds of each, 10 of each of those."""
    nouns = {"n": Noun("n", ("n",), (), "")}
    for level in range(3):
        for wnid in [wnid for wnid in nouns if len(wnid) == 1 + level]:
            nouns |= {f"{wnid}{digit}": Noun(f"{wnid}{digit}", (f"{wnid}{digit}",), (wnid,), "") for digit in range(10)}
    return nouns


NOUNS = kinds_of_nouns()


def vectors_by_ancestry(nouns: dict[str, Noun]) -> NDArray[np.float32]:
    """Vectors of which those are near that have ancestors in common: a random direction for each ancestor, summed."""
    places = {wnid: place for place, wnid in enumerate(nouns)}
    directions = np.random.default_rng(0).normal(size=(len(nouns), 64))
    taxonomy = Taxonomy(nouns)
    rows = [
        directions[[places[above] for above in taxonomy.ancestors(wnid) if above != "n"]].sum(axis=0) for wnid in nouns
    ]
    return np.array(rows, np.float32)


def good_vectors() -> tuple[NDArray[np.float32], dict[str, int], dict[str, int]]:
    """Vectors by which every relation holds and similarities agree; rows by word and by wnid."""
    vectors = vectors_by_ancestry(NOUNS)
    words = {word: len(vectors) + place for place, word in enumerate(WORDS)}
    of_words = np.random.default_rng(1).normal(size=(len(WORDS), 64)).astype(np.float32) / 1000
    for number, each in enumerate(RELATIONS):
        for word in (each.word, each.near):
            of_words[words[word] - len(vectors), number] += 1
    return (
        np.concatenate([vectors, of_words], dtype=np.float32),
        words,
        {wnid: place for place, wnid in enumerate(NOUNS)},
    )


def test_good_vectors_pass():
    vectors, words, synsets = good_vectors()
    checked = check_vectors(vectors, words=words, synsets=synsets, nouns=NOUNS, thresholds=Thresholds())
    assert checked.failures == ()
    assert set(checked.held) == set(RELATIONS)
    assert checked.pairs == PAIRS
    assert checked.mixed_correlation > 0.7
    assert checked.mixed_correlation > checked.random_correlation > 0.1


def test_permuted_vectors_fail_at_both_and_are_told_apart_from_good_ones():
    vectors, words, synsets = good_vectors()
    mixed_up = np.random.default_rng(0).permutation(vectors)
    checked = check_vectors(mixed_up, words=words, synsets=synsets, nouns=NOUNS, thresholds=Thresholds())
    assert abs(checked.mixed_correlation) < 0.1
    relations, correlation = checked.failures
    assert relations.startswith(f"only {len(checked.held)} of {len(RELATIONS)} relations hold, where 90% are wanted: ")
    assert str(checked.broken[0]) in relations
    assert correlation == (
        f"the rank correlation of cosine with Wu–Palmer similarity is {checked.mixed_correlation:.2f} over"
        f" {PAIRS} pairs of nouns, where 0.70 is wanted"
    )


def test_a_broken_relation_is_told_and_within_the_threshold_it_is_no_failure():
    vectors, words, synsets = good_vectors()
    swapped = words | {"poodle": words["banana"], "banana": words["poodle"]}
    usual = check_vectors(vectors, words=swapped, synsets=synsets, nouns=NOUNS, thresholds=Thresholds())
    assert "golden_retriever should be nearer to poodle than to banana" in usual.failures[0]
    assert {each.word for each in usual.broken} == {"golden_retriever", "poodle", "banana"}
    lenient = replace(Thresholds(), relations_held=0.8)
    assert check_vectors(vectors, words=swapped, synsets=synsets, nouns=NOUNS, thresholds=lenient).failures == ()


def test_relations_of_missing_words_are_skipped_but_half_must_be_there():
    vectors, words, synsets = good_vectors()
    some = {word: row for word, row in words.items() if word not in {"poodle", "sofa"}}
    checked = check_vectors(vectors, words=some, synsets=synsets, nouns=NOUNS, thresholds=Thresholds())
    assert checked.failures == ()
    assert {each.word for each in checked.missing} == {"golden_retriever", "poodle", "salmon", "sofa"}
    few = {word: words[word] for word in ("violin", "cello", "rabbit")}
    checked = check_vectors(vectors, words=few, synsets=synsets, nouns=NOUNS, thresholds=Thresholds())
    assert checked.failures[0].startswith("only 1 of 16 relations could be checked, where 50% are wanted; words are")


def test_the_mixed_sample_stays_half_and_half_where_nouns_have_no_vector():
    vectors, words, synsets = good_vectors()
    some = {wnid: row for wnid, row in synsets.items() if not wnid.startswith("n1")}
    checked = check_vectors(vectors, words=words, synsets=some, nouns=NOUNS, thresholds=NONE)
    assert PAIRS * 0.7 < checked.pairs < PAIRS * 0.95
    assert checked.pairs % 2 == 0


@pytest.mark.parametrize("count", [0, 60])
def test_too_few_nouns_with_vectors_are_a_failure_and_no_crash(count: int):
    vectors, words, synsets = good_vectors()
    few = dict(list(synsets.items())[:count])
    failures = check_vectors(vectors, words=words, synsets=few, nouns=NOUNS, thresholds=NONE).failures
    assert len(failures) == 1
    assert failures[0].endswith(f"of {PAIRS} pairs of nouns have vectors, too few to compare similarities on")


def test_vectors_that_are_all_alike_fail():
    _, words, synsets = good_vectors()
    ones = np.ones((len(NOUNS) + len(words), 4), np.float32)
    checked = check_vectors(ones, words=words, synsets=synsets, nouns=NOUNS, thresholds=Thresholds(correlation=-1))
    assert math.isnan(checked.mixed_correlation)
    assert checked.held == ()
    assert "is nan over" in checked.failures[1]


def test_the_sample_is_half_near_and_half_random_and_always_the_same():
    sample = list(sample_pairs(NOUNS))
    assert sample == list(sample_pairs(dict(reversed(NOUNS.items()))))
    assert len(sample) == PAIRS
    assert [is_near for *_, is_near in sample] == [True, False] * (PAIRS // 2)
    siblings = hypernyms = 0
    for first, second, is_near in sample:
        if is_near:
            siblings += first[:-1] == second[:-1]
            hypernyms += first[:-1] == second
    assert siblings + hypernyms == PAIRS // 2
    assert 0.4 < siblings / hypernyms < 2.5


FEW_VALUES = st.lists(st.tuples(st.integers(0, 5), st.integers(-4, 4)), min_size=2, max_size=40)


@given(pairs=FEW_VALUES)
def test_the_rank_correlation_is_scipys(pairs: list[tuple[int, int]]):
    first, second = np.array(pairs, np.float64).T
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        assert math.isnan(rank_correlation(first, second))
    else:
        assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second)[0], abs=1e-12)


def test_the_cosine_with_a_zero_vector_is_zero():
    rows = np.array([[3, 4], [0, 0]], np.float32)
    np.testing.assert_allclose(cosines(rows, np.array([[4, 3], [1, 0]], np.float32)), [24 / 25, 0])


@needs_wordnet
def test_every_word_of_the_relations_is_a_lemma_of_a_noun():
    lemmas = {lemma for noun in real_nouns().values() for lemma in noun.lemmas}
    assert set(WORDS) <= lemmas
    assert len(RELATIONS) >= 12
    rows = {word: 0 for word in WORDS}
    assert sorted_relations(np.ones((1, 2), np.float32), rows)[2] == ()
