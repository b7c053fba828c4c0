from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.ops.crappifiers.cutout import FILLS, Cutout, cut_out
from tests.tasks.ops.crappifiers.pictures import SEEDS, SIDES, changed, noise, rng

NEITHER = {"low": 1, "high": 127}
"""Levels of which no fill is one, so that what was cut out differs in every pixel."""


@given(height=SIDES, width=SIDES, share=st.floats(0, 1), fill=st.sampled_from(sorted(FILLS)), seed=SEEDS)
@example(height=1, width=1, share=0.1, fill="grey", seed=0)
@settings(max_examples=60, deadline=None)
def test_one_square_of_the_exact_side_is_filled_and_nothing_else(
    height: int, width: int, share: float, fill: str, seed: int
):
    image = noise(height, width, **NEITHER)
    result = cut_out(image, rng(seed), Cutout((1, 1), (share, share), fill))
    gone = changed(image, result)
    rows, columns = np.nonzero(gone)
    side = max(1, round(share * min(height, width)))
    assert gone.sum() == side * side
    assert np.ptp(rows) == np.ptp(columns) == side - 1
    assert (result[gone] == FILLS[fill]).all()


@pytest.mark.parametrize("count", [0, 1, 5])
def test_as_many_squares_as_asked(count: int):
    image = noise(200, 200, **NEITHER)
    squares = Cutout((count, count), (0.05, 0.05))
    areas = [changed(image, cut_out(image, rng(seed), squares)).sum() for seed in range(40)]
    assert max(areas) == 100 * count  # 10 × 10 each, where none overlap
    assert min(areas) >= min(1, count) * 100


def test_sides_and_counts_vary_within_their_ranges():
    image = noise(100, 100, **NEITHER)
    sides = [np.sqrt(changed(image, cut_out(image, rng(seed), Cutout((1, 1)))).sum()) for seed in range(200)]
    assert min(sides) == 10
    assert max(sides) == 30
    counts = {int(changed(image, cut_out(image, rng(s), Cutout((1, 3), (0.01, 0.01)))).sum()) for s in range(60)}
    assert counts == {1, 2, 3}


def test_squares_reach_every_edge():
    image = noise(30, 30, **NEITHER)
    gone = np.any([changed(image, cut_out(image, rng(seed), Cutout())) for seed in range(300)], axis=0)
    assert all(edge.mean() > 0.7 for edge in (gone[0], gone[-1], gone[:, 0], gone[:, -1]))
    assert gone[4:-4, 4:-4].all()
