"""A class counts once, and intervals tell how much depends on which classes were drawn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tasks.ops.class_figures import (
    ClassMeans,
    class_means,
    generalised_accuracy,
    harmonic_mean,
    intervals_of,
)


def means_of(values: list[float]) -> ClassMeans:
    return class_means(np.array(values)[:, None], np.arange(len(values)))


def test_means_are_those_of_each_class_however_many_rows_it_has():
    hits = np.array([[1, 1], [0, 1], [0, 0], [1, 1], [0, 0]], bool)
    found = class_means(hits, np.array([7, 7, 3, 7, 7]))
    assert found.labels.tolist() == [3, 7]
    assert found.rows.tolist() == [1, 4]
    assert found.means.tolist() == [[0, 0], [0.5, 0.75]]
    first, second = intervals_of(found, seed=0)
    assert (first.mean, second.mean) == (0.25, 0.375)


def test_the_interval_of_three_classes_is_that_of_all_27_draws():
    # Of all draws of 3 out of 0, 0 and 1 the mean is 0 in 8 of 27 cases and 1 in one of them (3.7% > 2.5%).
    draws = sorted(float(np.mean(draw)) for draw in itertools.product([0.0, 0.0, 1.0], repeat=3))
    assert (draws[0], draws[-1], draws.count(0.0), draws.count(1.0)) == (0, 1, 8, 1)
    (found,) = intervals_of(means_of([0.0, 0.0, 1.0]), seed=0)
    assert (found.low, found.high) == (0.0, 1.0)
    assert found.mean == pytest.approx(1 / 3)


@pytest.mark.parametrize("classes", [400, 3000])
def test_the_interval_of_many_classes_is_that_of_the_normal_law(classes: int):
    values = np.random.default_rng(0).uniform(size=classes)
    (found,) = intervals_of(means_of(values.tolist()), seed=0)
    deviation = values.std() / np.sqrt(classes)
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.mean == pytest.approx(1.96 * deviation, rel=0.12)
    assert found.mean - found.low == pytest.approx(1.96 * deviation, rel=0.12)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(3)
    samples = random.beta(2, 5, size=(300, 60))
    found = [intervals_of(means_of(sample.tolist()), seed=0)[0] for sample in samples]
    covered = np.mean([not interval.excludes(2 / 7) for interval in found])
    assert 0.9 <= covered <= 0.985


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    means = means_of(np.random.default_rng(0).uniform(size=50).tolist())
    assert intervals_of(means, seed=1) == intervals_of(means, seed=1)
    assert intervals_of(means, seed=1) != intervals_of(means, seed=2)


def test_an_interval_excludes_what_lies_outside():
    (found,) = intervals_of(means_of([0.4, 0.6] * 50), seed=0)
    assert found.excludes(0.1)
    assert found.excludes(0.9)
    assert not found.excludes(0.5)


def test_generalised_accuracy_counts_classes_on_each_side_and_joins_them_by_the_harmonic_mean():
    # Seen classes 0 and 1 with 1 and ½ of their rows, unseen class 2 with ¼ of them: ¾, ¼ and 2·¾·¼ = ⅜.
    labels = np.array([0, 1, 1, 2, 2, 2, 2])
    hits = np.array([1, 1, 0, 1, 0, 0, 0], bool)
    found = generalised_accuracy(hits, labels, unseen_labels=np.array([2]), seed=0)
    assert (found.seen.mean, found.unseen.mean, found.harmonic.mean) == (0.75, 0.25, 0.375)
    assert (found.unseen.low, found.unseen.high) == (0.25, 0.25)
    assert (found.seen.low, found.seen.high) == (0.5, 1.0)
    assert found.harmonic.low == pytest.approx(2 * 0.5 * 0.25 / 0.75)
    assert found.harmonic.high == pytest.approx(2 * 1.0 * 0.25 / 1.25)


def test_nothing_right_on_one_side_makes_the_harmonic_mean_nothing():
    found = harmonic_mean(np.array([0.0, 0.5, 0.0, 1.0]), np.array([0.0, 0.0, 0.7, 1.0]))
    assert found.tolist() == [0, 0, 0, 1]
    labels, hits = np.array([0, 1]), np.array([True, False])
    assert generalised_accuracy(hits, labels, unseen_labels=np.array([1]), seed=0).harmonic.mean == 0


def test_rows_of_one_side_only_or_none_are_refused():
    for unseen in ([], [0, 1]):
        with pytest.raises(ValueError, match="expected rows of seen and of unseen classes"):
            generalised_accuracy(np.ones(2, bool), np.array([0, 1]), unseen_labels=np.array(unseen, int), seed=0)
    for shape in ((0, 1), (3,), (2, 1)):
        with pytest.raises(ValueError, match="of some rows, got"):
            class_means(np.zeros(shape), np.zeros(0 if shape[0] == 0 else 3, int))
