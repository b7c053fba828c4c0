"""ConSE by hand: the mean of the likeliest words."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.ops.conse import conse_embeddings

AXES = np.eye(3, dtype=np.float32)


def test_it_is_the_mean_of_the_likeliest_words_by_their_probability():
    # Of .6 and .3 the rest, .1, is left out: (.6, .3, 0) has the length .6708.
    found = conse_embeddings(np.array([[0.1, 0.6, 0.3]]), AXES[[2, 0, 1]], top=2)
    np.testing.assert_allclose(found, [[0.6 / 0.45**0.5, 0.3 / 0.45**0.5, 0]], atol=1e-6)
    assert found.dtype == np.float32


def test_with_one_word_it_is_the_likeliest_and_with_more_than_there_are_all_count():
    probabilities = np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]])
    np.testing.assert_array_equal(conse_embeddings(probabilities, AXES, top=1), AXES[[1, 0]])
    expected = probabilities / np.linalg.norm(probabilities, axis=1, keepdims=True)
    np.testing.assert_allclose(conse_embeddings(probabilities, AXES, top=10), expected, atol=1e-6)


def test_of_equally_likely_words_the_earlier_count():
    np.testing.assert_array_equal(conse_embeddings(np.full((1, 3), 1 / 3), AXES, top=1), AXES[:1])


def test_ten_of_many_words_are_those_that_a_sort_finds():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(40, 0.3), size=8_300)
    vectors = random.standard_normal((40, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for row, found in zip(probabilities, conse_embeddings(probabilities, vectors), strict=True):
        likeliest = sorted(range(40), key=lambda place: -row[place])[:10]
        mean = sum(row[place] * vectors[place].astype(float) for place in likeliest) / row[likeliest].sum()
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)


def test_what_is_no_probability_or_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"expected probabilities \(n, 3\) .* got \(1, 2\) and 10"):
        conse_embeddings(np.ones((1, 2)), AXES)
    with pytest.raises(ValueError, match="and 0"):
        conse_embeddings(np.ones((1, 3)), AXES, top=0)
    for wrong in (-0.1, np.nan):
        with pytest.raises(ValueError, match="negative or not finite"):
            conse_embeddings(np.array([[0.5, 0.5, wrong]]), AXES)
