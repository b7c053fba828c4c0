"""Distances between distributions, against closed forms, scipy and sums written out pair by pair."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist, pdist
from sklearn.neighbors import KNeighborsClassifier

from tasks.ops.distribution_distances import (
    classes_present,
    frechet_distance,
    median_squared_distance,
    nearest_rows,
    squared_mmd,
)


def drawn(seed: int, count: int = 300, dimension: int = 6) -> NDArray[np.float64]:
    """Vectors of correlated numbers, another distribution for each seed."""
    numbers = np.random.default_rng(seed)
    return numbers.normal(size=(count, dimension)) @ numbers.normal(size=(dimension, dimension)) + numbers.normal(
        size=dimension
    )


def textbook_frechet(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    covariances = np.cov(one.T), np.cov(other.T)
    root = np.real(sqrtm(covariances[0] @ covariances[1]))
    means = one.mean(axis=0) - other.mean(axis=0)
    return float(means @ means + np.trace(covariances[0] + covariances[1] - 2 * root))


# ---- Fréchet


def test_the_frechet_distance_is_that_of_the_formula():
    for seed in range(5):
        one, other = drawn(seed), drawn(seed + 10, count=200)
        assert frechet_distance(one, other) == pytest.approx(textbook_frechet(one, other), rel=1e-9)


def test_gaussians_along_the_same_axes_differ_by_means_and_deviations():
    # Four corners of a box: mean and covariance are known without arithmetic.
    corners = np.array([[x, y] for x in (-1.0, 1.0) for y in (-1.0, 1.0)])
    deviation = math.sqrt(4 / 3)
    found = frechet_distance(corners * [2, 5], corners * [3, 1] + [7, -4])
    assert found == pytest.approx(7**2 + 4**2 + deviation**2 * ((2 - 3) ** 2 + (5 - 1) ** 2))


def test_a_set_has_no_distance_to_itself_in_any_order_even_where_it_fills_a_plane_only():
    flat = drawn(0) * [1, 1, 0, 0, 0, 0] + 1e4
    assert frechet_distance(flat, flat[::-1]) == pytest.approx(0, abs=1e-6)


def test_fewer_vectors_than_dimensions_have_the_distance_of_the_formula():
    one, other = drawn(1, count=5, dimension=8), drawn(2, count=4, dimension=8)
    assert frechet_distance(one, other) == pytest.approx(textbook_frechet(one, other), rel=1e-5)


def test_moving_all_vectors_of_both_sets_changes_nothing():
    one, other = drawn(3), drawn(4)
    assert frechet_distance(one + 1e5, other + 1e5) == pytest.approx(frechet_distance(one, other), rel=1e-6)


# ---- MMD


@pytest.mark.parametrize("sizes", [(300, 200), (1500, 1100)], ids=["one block", "several blocks"])
def test_the_discrepancy_is_the_mean_over_pairs(sizes: tuple[int, int]):
    one, other = drawn(5, count=sizes[0]), drawn(6, count=sizes[1])
    within = [np.exp(-cdist(each, each, "sqeuclidean") / 7.0) for each in (one, other)]
    across = np.exp(-cdist(one, other, "sqeuclidean") / 7.0).mean()
    biased = within[0].mean() + within[1].mean() - 2 * across
    pairs = [kernel[~np.eye(len(kernel), dtype=bool)].mean() for kernel in within]
    assert squared_mmd(one, other, width=7.0, estimate="biased") == pytest.approx(biased, abs=1e-10)
    assert squared_mmd(one, other, width=7.0) == pytest.approx(sum(pairs) - 2 * across, abs=1e-10)


def test_the_unbiased_estimate_is_near_0_for_one_distribution_and_the_biased_one_above():
    numbers = np.random.default_rng(0).normal(size=(40, 50, 4))
    halves = [(each[:25], each[25:]) for each in numbers]
    unbiased = [squared_mmd(*half, width=8.0) for half in halves]
    biased = [squared_mmd(*half, width=8.0, estimate="biased") for half in halves]
    assert abs(np.mean(unbiased)) < 0.005 < 0.015 < min(biased)
    assert min(unbiased) < 0 < max(unbiased)


def test_sets_far_apart_are_as_different_as_can_be():
    one = np.zeros((4, 2))
    assert squared_mmd(one, one + 1e6, width=1.0) == pytest.approx(2)


def test_the_median_is_that_over_all_pairs():
    vectors = drawn(7, count=99)
    assert median_squared_distance(vectors) == pytest.approx(np.median(pdist(vectors, "sqeuclidean")))
    many = np.random.default_rng(1).normal(size=(3000, 5))
    assert median_squared_distance(many) == pytest.approx(np.median(pdist(many, "sqeuclidean")), rel=0.02)


# ---- Classes


def test_the_nearest_rows_are_those_of_scikit_learns_classifier():
    rows, vectors = drawn(8, count=200), drawn(9, count=1500)
    labels = np.random.default_rng(0).integers(0, 10, 200)
    expected = KNeighborsClassifier(1).fit(rows, labels).predict(vectors)
    np.testing.assert_array_equal(labels[nearest_rows(vectors, rows)], expected)


def test_a_class_is_present_from_a_tenth_of_its_share_on():
    expected = np.repeat([0, 1, 3], [50, 40, 10])
    found = np.repeat([0, 1, 2, 3], [960, 39, 0, 1])
    assert classes_present(found, expected).tolist() == [0]
    found = np.repeat([0, 1, 2, 3], [898, 41, 50, 11])
    assert classes_present(found, expected).tolist() == [0, 1, 3]


# ---- What cannot be compared


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (np.zeros((3, 2)), np.zeros((3, 4)), r"vectors of one dimension, \(n, d\), got \(3, 2\) and \(3, 4\)"),
        (np.zeros(3), np.zeros(3), "vectors of one dimension"),
        (np.zeros((1, 2)), np.zeros((3, 2)), r"a set needs at least 2 vectors, got \(1, 2\) and \(3, 2\)"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), r"no finite number, in sets of \(3, 2\) and \(3, 2\)"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(one: NDArray[np.float64], other: NDArray[np.float64], said: str):
    with pytest.raises(ValueError, match=said):
        frechet_distance(one, other)
    with pytest.raises(ValueError, match=said):
        squared_mmd(one, other, width=1.0)


def test_a_kernel_without_a_width_is_refused():
    with pytest.raises(ValueError, match="the width of a kernel is above 0, got 0"):
        squared_mmd(drawn(0), drawn(1), width=0.0)
    with pytest.raises(ValueError, match="half of the pairs of 9 vectors are equal"):
        median_squared_distance(np.ones((9, 2)))
