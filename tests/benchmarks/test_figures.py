"""What the benchmarks say of their own figures: how good a shuffle is, and whether a target was met."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.shuffle_quality import CHUNK, shuffle_quality
from benchmarks.targets import Target, missed, target_table

ROWS = 16 * CHUNK
LABELS = np.arange(ROWS) % 500


def test_a_random_permutation_is_as_good_as_chance():
    found = shuffle_quality(np.random.default_rng(0).permutation(ROWS), LABELS, batch=64)
    assert found.distance == pytest.approx(1 - np.sqrt(0.5), abs=0.01)
    assert found.together == pytest.approx(CHUNK / ROWS, abs=0.005)
    assert found.classes == pytest.approx(500 * (1 - (1 - 1 / 500) ** 64), abs=0.3)


def test_the_order_on_disk_is_no_shuffle():
    found = shuffle_quality(np.arange(ROWS), LABELS, batch=64)
    assert found.distance == 1 / ROWS
    assert (found.together, found.classes) == (1.0, 64.0)


def test_chunks_in_random_order_are_told_from_a_permutation_by_who_shares_a_batch():
    chunks = np.random.default_rng(0).permutation(16)
    order = (
        chunks[:, None] * CHUNK + np.random.default_rng(1).permuted(np.tile(np.arange(CHUNK), (16, 1)), axis=1)
    ).ravel()
    assert shuffle_quality(order, LABELS, batch=64).together == 1.0


def test_rows_that_an_epoch_leaves_out_do_not_count():
    order = np.random.default_rng(0).permutation(ROWS)[: ROWS - 100]
    assert shuffle_quality(order, LABELS, batch=64).distance == pytest.approx(1 - np.sqrt(0.5), abs=0.01)


def test_a_target_is_met_from_its_own_side():
    most, least = Target("cost", 1.2, 1.25), Target("rate", 900, 1000, is_least=True)
    assert (most.is_met, least.is_met) == (True, False)
    assert missed([most, least]) == ["rate: 900, wanted ≥ 1,000"]
    assert "| rate | 900 | ≥ 1,000 | **no** |" in target_table([most, least])
