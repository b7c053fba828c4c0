"""Queries: neighbours are those of a plain double loop, and a misspelt word finds the one that was meant."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ops.word_queries import Neighbour, centred, cosine, edit_distance, nearest, suggestions, unit_vectors

VECTORS = np.array([[1, 0], [2, 0], [1, 1], [0, -3], [0, 0], [-1, 0], [1, 0]], np.float32)


def test_neighbours_come_nearest_first_and_of_equals_the_earlier_row():
    found = nearest(VECTORS[0], unit_vectors(VECTORS), count=5)
    assert [one.row for one in found] == [0, 1, 6, 2, 3]
    assert [one.cosine for one in found] == pytest.approx([1, 1, 1, math.sqrt(0.5), 0])


def test_rows_may_be_left_out_and_no_more_come_than_there_are():
    units = unit_vectors(VECTORS)
    assert [one.row for one in nearest(VECTORS[0], units, count=2, leave_out=(0, 6))] == [1, 2]
    assert len(nearest(VECTORS[0], units, count=99, leave_out=[1])) == 6
    assert nearest(VECTORS[0], units, count=99, leave_out=range(7)) == []
    assert nearest(VECTORS[0], units[:0]) == []
    assert nearest(VECTORS[5], units, count=1) == [Neighbour(5, 1.0)]


@pytest.mark.parametrize("query", [[1, 2, 3], [np.nan, 0]])
def test_a_query_has_as_many_numbers_as_the_vectors_all_finite(query: list[float]):
    with pytest.raises(ValueError, match=r"expected 2 finite numbers to look for, got an array of shape \(\d,\)"):
        nearest(np.array(query, np.float32), unit_vectors(VECTORS))


def test_neighbours_are_those_of_a_plain_loop():
    vectors = np.random.default_rng(0).standard_normal((500, 7)).astype(np.float32)
    plain = sorted(((-cosine(vectors[3], other), row) for row, other in enumerate(vectors)))[:10]
    assert [one.row for one in nearest(vectors[3], unit_vectors(vectors))] == [row for _, row in plain]


def test_two_words_are_compared_by_the_angle_between_them():
    assert cosine(VECTORS[0], VECTORS[1]) == 1
    assert cosine(VECTORS[0], VECTORS[2]) == pytest.approx(math.cos(math.pi / 4))
    assert cosine(VECTORS[0], VECTORS[5]) == -1
    assert cosine(VECTORS[0], VECTORS[4]) == 0


def test_units_have_length_1_zeros_stay_and_centred_vectors_have_no_mean():
    assert np.linalg.norm(unit_vectors(VECTORS), axis=1).tolist() == pytest.approx([1, 1, 1, 1, 0, 1, 1])
    assert unit_vectors(VECTORS * 1e30).dtype == np.float32
    np.testing.assert_allclose(unit_vectors(VECTORS * 1e30), unit_vectors(VECTORS), rtol=1e-6)
    np.testing.assert_allclose(centred(VECTORS + 100).mean(axis=0), 0, atol=1e-5)


KNOWN = ["dog", "golden_retriever", "Golden_Gate", "retriever", "pizza", "violin", "aircraft_carrier", "größe", "zoo"]


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("golden retreiver", "golden_retriever"),
        ("goldenretriever", "golden_retriever"),
        ("GOLDEN_GATES", "Golden_Gate"),
        ("golden_gate", "Golden_Gate"),
        ("piza", "pizza"),
        ("voilin", "violin"),
        ("aircarft_carier", "aircraft_carrier"),
        ("grösse", "größe"),
        ("dgo", "dog"),
    ],
)
def test_a_misspelt_word_finds_the_one_that_was_meant(word: str, first: str):
    assert suggestions(word, KNOWN)[0] == first


def test_what_is_far_off_is_not_suggested():
    assert suggestions("xylophone", KNOWN) == []
    assert suggestions("", KNOWN) == suggestions("dog", []) == []
    assert len(suggestions("ab", ["aa", "bb", "ac", "ad"], count=2)) == 2
    with pytest.raises(ValueError, match="a known word holds a line feed"):
        suggestions("dog", ["do\ng"])


@given(st.text(max_size=8), st.lists(st.text("abcé\ud800Σ_-", max_size=8), max_size=20))
def test_anything_may_be_asked_and_what_is_known_is_found(word: str, known: list[str]):
    assert set(suggestions(word, known)) <= set(known)
    for one in known:
        if one:
            assert suggestions(one, known)[0].lower() == one.lower()


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_the_distance_is_that_of_single_steps(one: str, other: str):
    assert edit_distance(one, other) == edit_distance(other, one)
    assert abs(len(one) - len(other)) <= edit_distance(one, other) <= max(len(one), len(other))
    assert (edit_distance(one, other) == 0) == (one == other)
    assert edit_distance(one + "x" + other, one + other) == 1


def test_swapped_letters_are_one_step():
    assert edit_distance("voilin", "violin") == 1
    assert edit_distance("ca", "abc") == 3


@pytest.fixture
def seconds_of() -> Callable[[Callable[[], object]], float]:
    def measure(work: Callable[[], object]) -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return measure


def test_160000_words_are_searched_in_a_moment(seconds_of: Callable[[Callable[[], object]], float]):
    known = [f"{stem}_{number}" for stem in ("golden_retriever", "carrier", "Łódź", "dog") for number in range(40_000)]
    least = min(seconds_of(lambda: suggestions("golden_retreiver_12345", known)) for _ in range(3))
    assert least < 0.3
    vectors = np.random.default_rng(0).standard_normal((1000, 8)).astype(np.float32)
    assert seconds_of(lambda: nearest(vectors[0], unit_vectors(vectors))) < 0.3
