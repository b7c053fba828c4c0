"""The order of an epoch: every row once, the same everywhere, fair to every process."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.shuffling import epoch_order


@given(count=st.integers(0, 500), seed=st.integers(0, 2**40), epoch=st.integers(0, 10**6))
def test_an_epoch_has_every_row_once(count: int, seed: int, epoch: int):
    order = epoch_order(count, seed=seed, epoch=epoch)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(count))


@given(count=st.integers(0, 200), world=st.integers(1, 9))
def test_processes_get_as_many_rows_as_each_other_and_none_twice(count: int, world: int):
    parts = [epoch_order(count, seed=1, epoch=2, rank=rank, world=world) for rank in range(world)]
    assert {len(part) for part in parts} == {count // world}
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)


def test_the_order_never_changes():
    # Written down, so that a run that is continued years later goes on where it was.
    assert epoch_order(12, seed=0, epoch=0).tolist() == ORDER
    assert epoch_order(12, seed=0, epoch=1).tolist() != ORDER
    assert epoch_order(12, seed=1, epoch=0).tolist() != ORDER


def test_neighbours_land_anywhere():
    order = epoch_order(20_000, seed=3, epoch=4)
    place = np.argsort(order)
    apart = np.abs(np.diff(place))
    # Two places drawn at random are a third of the length apart on average; 4 standard errors are 1%.
    assert apart.mean() == pytest.approx(20_000 / 3, rel=0.02)
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.03


@pytest.mark.parametrize(("rank", "world"), [(-1, 2), (2, 2), (0, 0)])
def test_a_rank_outside_the_world_is_refused(rank: int, world: int):
    with pytest.raises(ValueError, match="the rank must lie in"):
        epoch_order(3, seed=0, epoch=0, rank=rank, world=world)


ORDER = [2, 3, 9, 7, 0, 4, 8, 5, 10, 1, 11, 6]
