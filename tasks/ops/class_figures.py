"""Figures by class with intervals by class: unseen classes are the sample, and images of one class are no sample of it.

Pure: values row by row in, means and intervals out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 2_000
LEVEL = 0.95
ROUNDING = 1e-9
"""By which sums of the same numbers may differ: where all classes are alike, an interval has no width."""
_DRAWS_AT_ONCE = 2**22


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over classes with the interval that holds it, had other classes been drawn, with 95%."""

    mean: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Tell whether a value, such as chance, lies outside."""
        return not self.low - ROUNDING <= value <= self.high + ROUNDING


@dataclass(frozen=True, slots=True, eq=False)
class ClassMeans:
    """The mean of each figure over the rows of each class; a class counts once, however many rows it has."""

    labels: NDArray[np.int64]
    """`(c,)`, ascending."""
    means: NDArray[np.float64]
    """`(c, m)`, a column for each figure."""
    rows: NDArray[np.int64]
    """`(c,)`, how many rows each class has."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class GeneralisedAccuracy:
    """Accuracy of seen and of unseen classes where all of them are candidates, and their harmonic mean."""

    seen: Interval
    unseen: Interval
    harmonic: Interval


def class_means(values: NDArray[np.generic], labels: NDArray[np.integer]) -> ClassMeans:
    """Return the means of `values`, `(n, m)`, such as hits, over the rows of each of `labels`, `(n,)`.

    Raises:
        ValueError: there are no rows, or not a label for each.
    """
    if values.ndim != 2 or labels.shape != values.shape[:1] or not len(labels):
        raise ValueError(f"expected values (n, m) and labels (n,) of some rows, got {values.shape} and {labels.shape}")
    found, places, rows = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(found), values.shape[1]))
    np.add.at(sums, places, values.astype(np.float64))
    return ClassMeans(found.astype(np.int64), sums / rows[:, None], rows.astype(np.int64))


def intervals_of(means: ClassMeans, *, seed: int) -> tuple[Interval, ...]:
    """Return for each figure its mean over classes, with a 95% interval by bootstrap over classes.

    Classes are drawn with replacement, as many as there are, 2,000 times; the interval lies between the percentiles of
    the means (Efron and Tibshirani 1993, chapter 13). With one class it has no width and says nothing.
    """
    drawn = _drawn_means(means.means, np.random.default_rng(seed))
    return tuple(_interval(mean, drawn[:, column]) for column, mean in enumerate(means.means.mean(axis=0)))


def generalised_accuracy(
    hits: NDArray[np.bool_], labels: NDArray[np.integer], *, unseen_labels: NDArray[np.integer], seed: int
) -> GeneralisedAccuracy:
    """Return accuracies by class and their harmonic mean, as Xian et al. (2017) define generalised zero-shot learning.

    `hits`, `(n,)`, says whether the row's class was found among seen and unseen candidates together. Rows of seen
    classes must be such that nothing was learnt from. The harmonic mean's interval draws both kinds of classes anew.

    Raises:
        ValueError: rows of seen classes or of unseen ones are missing.
    """
    is_unseen = np.isin(labels, unseen_labels)
    if is_unseen.all() or not is_unseen.any():
        raise ValueError(f"expected rows of seen and of unseen classes, got {is_unseen.sum()} of {len(labels)} unseen")
    random = np.random.default_rng(seed)
    means, drawn = [], []
    for side in (~is_unseen, is_unseen):
        of_classes = class_means(hits[side, None], labels[side]).means
        means.append(float(of_classes.mean()))
        drawn.append(_drawn_means(of_classes, random)[:, 0])
    harmonic = float(harmonic_mean(*np.array(means)[:, None])[0])
    return GeneralisedAccuracy(
        _interval(means[0], drawn[0]), _interval(means[1], drawn[1]), _interval(harmonic, harmonic_mean(*drawn))
    )


def harmonic_mean(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 2ab / (a + b) place by place, 0 where both are 0."""
    sums = one + other
    return np.divide(2 * one * other, sums, out=np.zeros_like(sums), where=sums > 0)


def _interval(mean: float, drawn: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(mean), float(low), float(high))


def _drawn_means(means: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Return the means of `(c, m)` over classes that are drawn with replacement, `(ROUNDS, m)`."""
    return np.concatenate([counts @ means / len(means) for counts in _drawn_counts(len(means), random)])


def _drawn_counts(classes: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield how often each class is drawn, `(some, classes)`, until there are `ROUNDS` rows."""
    at_once = max(1, _DRAWS_AT_ONCE // classes)
    for first in range(0, ROUNDS, at_once):
        yield random.multinomial(classes, np.full(classes, 1 / classes), size=min(at_once, ROUNDS - first))
