from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.ops.crappifiers.ranges import drawn, drawn_whole
from tests.tasks.ops.crappifiers.pictures import SEEDS, rng


@given(low=st.integers(-5, 10_000), more=st.integers(0, 10_000), seed=SEEDS)
def test_draws_stay_within_their_range(low: int, more: int, seed: int):
    generator = rng(seed)
    assert low <= drawn_whole(generator, (low, low + more)) <= low + more
    assert low <= drawn(generator, (low, low + more)) <= low + more


def test_whole_numbers_of_a_range_are_equally_likely_with_both_ends():
    generator = rng()
    counts = np.bincount([drawn_whole(generator, (10, 70)) for _ in range(61_000)], minlength=71)
    assert not counts[:10].any()
    assert len(counts) == 71
    assert abs(counts[10:] - 1000).max() < 150  # over four standard deviations


def test_numbers_of_a_range_are_spread_evenly():
    generator = rng()
    numbers = np.array([drawn(generator, (2.0, 6.0)) for _ in range(20_000)])
    assert np.abs(np.histogram(numbers, 8, (2, 6))[0] - 2500).max() < 250


def test_a_range_of_one_takes_a_draw_as_any_other():
    one, many = rng(), rng()
    drawn_whole(one, (5, 5))
    drawn(one, (0.5, 0.5))
    drawn_whole(many, (0, 99))
    drawn(many, (0.0, 1.0))
    assert one.random() == many.random()
