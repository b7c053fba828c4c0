"""Which groups of images a model serves worse: branches of WordNet, and kinds of images. Pure: hits in, a table out.

With 25 groups one differs from the whole at 95% by chance alone, so a verdict is where to look, and no proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from storage.models import FigureTable
from tasks.ops.class_figures import Interval, class_means, intervals_of
from tasks.ops.image_kinds import KINDS

LEAST_ROWS, LEAST_CLASSES = 30, 5
"""With less an interval by bootstrap over classes is too narrow to be believed, or as wide as all that can be."""
NO_BRANCH = "no noun"
NO_KIND = "none of these"

_NOTE = (
    "The worst first. Of 20 such verdicts one is wrong by chance alone: they say where to look. With less than "
    f"{LEAST_ROWS} images or {LEAST_CLASSES} classes nothing can be said."
)

Verdict = Literal["worse", "better", "as all", "too small"]


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """How well one group is served: hits by class with their intervals, one for each k, and what that says.

    The verdict compares the interval at the last k with the figure of all rows.
    """

    group: str
    rows: int
    classes: int
    hits: tuple[Interval, ...]
    verdict: Verdict


def branch_groups(labels: NDArray[np.integer], branches: Sequence[str]) -> Mapping[str, NDArray[np.bool_]]:
    """Return which rows belong to each branch of WordNet, `(n,)` by branch; `branches` has that of each label."""
    of_rows = np.array([branch or NO_BRANCH for branch in branches], str)[labels]
    return {str(branch): of_rows == branch for branch in np.unique(of_rows)}


def kind_groups(kinds: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Return which rows are of each kind of image, `(n,)` by kind, from the `(n, 4)` of `image_kinds`."""
    groups = {kind: kinds[:, place] for place, kind in enumerate(KINDS) if kinds[:, place].any()}
    rest = kinds.sum(axis=1) == 0
    return groups | ({NO_KIND: rest} if rest.any() else {})


def group_errors(
    hits: NDArray[np.bool_], labels: NDArray[np.integer], groups: Mapping[str, NDArray[np.bool_]], *, seed: int
) -> tuple[GroupErrors, ...]:
    """Return how well each group is served, the worst first, and last those that are too small to say anything.

    `hits`, `(n, ks)`, and `labels`, `(n,)`, are of all rows, `groups` has which of them, `(n,)`, belong to each.

    Raises:
        ValueError: there are no rows, or a group has none.
    """
    whole = class_means(hits, labels).means.mean(axis=0)[-1]
    found = [_errors(group, hits[rows], labels[rows], float(whole), seed) for group, rows in groups.items()]
    return tuple(sorted(found, key=lambda each: (each.verdict == "too small", each.hits[-1].mean, each.group)))


def group_table(title: str, found: Iterable[GroupErrors], *, ks: Sequence[int]) -> FigureTable:
    """Return the table: percentages by class with their 95% intervals."""
    header = ("group", "images", "classes", *(f"hit@{k}, %" for k in ks), "against all")
    rows = [
        (each.group, f"{each.rows:,}", f"{each.classes:,}", *map(_percent, each.hits), each.verdict) for each in found
    ]
    return FigureTable(title, header, tuple(rows), _NOTE)


def _errors(group: str, hits: NDArray[np.bool_], labels: NDArray[np.integer], whole: float, seed: int) -> GroupErrors:
    if not len(labels):
        raise ValueError(f"the group {group} has no rows")
    means = class_means(hits, labels)
    intervals = intervals_of(means, seed=seed)
    verdict = _verdict(intervals[-1], whole, rows=len(labels), classes=len(means))
    return GroupErrors(group, len(labels), len(means), intervals, verdict)


def _verdict(found: Interval, whole: float, *, rows: int, classes: int) -> Verdict:
    if rows < LEAST_ROWS or classes < LEAST_CLASSES:
        return "too small"
    if found.excludes(whole):
        return "worse" if found.mean < whole else "better"
    return "as all"


def _percent(found: Interval) -> str:
    return f"{found.mean:.1%}".rstrip("%") + f" ({100 * found.low:.1f}–{100 * found.high:.1f})"
