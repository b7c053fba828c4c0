"""Groups that are served worse come first, and those that are too small say so."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.ops.class_figures import Interval
from tasks.ops.group_errors import GroupErrors, branch_groups, group_errors, group_table, kind_groups

CLASSES, ROWS = 30, 20
LABELS = np.repeat(np.arange(CLASSES), ROWS)


def hits_of(*shares: float) -> np.ndarray:
    """Hits at one k of 30 classes with 20 rows each, of which the given shares are hits, ten classes a share."""
    return np.concatenate(
        [np.arange(ROWS) < round(ROWS * share) for share in shares for _ in range(CLASSES // len(shares))]
    )[:, None]


def test_rows_belong_to_the_branch_of_their_class():
    groups = branch_groups(np.array([0, 2, 1, 0, 3]), ["animal", "", "food", "animal"])
    assert {name: rows.tolist() for name, rows in groups.items()} == {
        "animal": [True, False, False, True, True],
        "food": [False, True, False, False, False],
        "no noun": [False, False, True, False, False],
    }


def test_rows_may_be_of_several_kinds_and_the_rest_is_a_group_of_its_own():
    kinds = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
    assert {name: rows.tolist() for name, rows in kind_groups(kinds).items()} == {
        "grey": [True, False, True],
        "dark": [True, False, False],
        "none of these": [False, True, False],
    }


def test_the_worst_group_comes_first_with_its_own_figures():
    groups = branch_groups(LABELS, ["food"] * 10 + ["animal"] * 10 + ["plant"] * 10)
    found = group_errors(hits_of(0.5, 0.1, 0.9), LABELS, groups, seed=0)
    assert [(each.group, each.verdict) for each in found] == [
        ("animal", "worse"),
        ("food", "as all"),
        ("plant", "better"),
    ]
    assert [(each.rows, each.classes) for each in found] == [(200, 10)] * 3
    assert [each.hits[0].mean for each in found] == pytest.approx([0.1, 0.5, 0.9])


def test_a_group_of_few_classes_or_few_rows_is_too_small_and_comes_last():
    few_classes = np.isin(LABELS, [10, 11, 12, 13])
    few_rows = np.zeros(len(LABELS), bool)
    few_rows[::21] = True
    rest = ~(few_classes | few_rows)
    found = group_errors(
        hits_of(0.5, 0.1, 0.9), LABELS, {"four": few_classes, "sparse": few_rows, "rest": rest}, seed=0
    )
    assert (found[0].group, found[0].verdict) == ("rest", "as all")
    assert {each.group: each.verdict for each in found[1:]} == {"four": "too small", "sparse": "too small"}
    assert few_rows.sum() == 29


def test_a_class_counts_once_in_a_group_however_many_of_its_rows_are_in_it():
    # All 20 rows of five classes that are always hit, and one row of each of five that never are.
    group = np.isin(LABELS, range(5)) | ((LABELS >= 10) & (LABELS < 15) & (np.arange(len(LABELS)) % ROWS == 0))
    (found,) = group_errors(hits_of(1.0, 0.0, 0.5), LABELS, {"mixed": group}, seed=0)
    assert (found.rows, found.classes, found.hits[0].mean) == (105, 10, 0.5)


def test_a_model_that_serves_all_alike_has_no_worse_group():
    random = np.random.default_rng(5)
    hits = random.uniform(size=(len(LABELS), 1)) < 0.3
    groups = branch_groups(LABELS, ["food"] * 15 + ["animal"] * 15)
    assert {each.verdict for each in group_errors(hits, LABELS, groups, seed=0)} == {"as all"}


def test_a_group_without_rows_is_refused():
    with pytest.raises(ValueError, match="the group dark has no rows"):
        group_errors(hits_of(1.0), LABELS, {"dark": np.zeros(len(LABELS), bool)}, seed=0)


def test_the_table_has_a_line_for_each_group():
    found = GroupErrors("a|b", 1200, 7, (Interval(0.0456, 0.01, 0.2), Interval(1.0, 0.5, 1.0)), "worse")
    table = group_table("Branches", [found], ks=(1, 10))
    assert table.header == ("group", "images", "classes", "hit@1, %", "hit@10, %", "against all")
    assert table.rows == (("a|b", "1,200", "7", "4.6 (1.0–20.0)", "100.0 (50.0–100.0)", "worse"),)
    assert "30 images or 5 classes" in table.note
