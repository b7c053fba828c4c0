"""Phases in numbered steps: no step is missing, and rows are read once an epoch across phases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.phases import Phase
from training.ramps import Ramp
from training.timetable import Place, laid_out

EPOCHS = st.lists(st.floats(0.05, 3), min_size=1, max_size=6)


def places(phases: list[Phase], per_epoch: int) -> list[Place]:
    return [
        stretch.place(step)
        for stretch in laid_out(phases, lambda _: per_epoch)
        for step in range(stretch.first, stretch.stop)
    ]


@given(EPOCHS, st.integers(1, 50))
def test_steps_are_numbered_without_a_gap_and_follow_the_epochs(epochs: list[float], per_epoch: int):
    stretches = laid_out([Phase(each, 0.1) for each in epochs], lambda _: per_epoch)
    assert [stretch.first for stretch in stretches] == [0, *(stretch.stop for stretch in stretches[:-1])]
    assert all(stretch.stop > stretch.first for stretch in stretches)
    assert places([Phase(each, 0.1) for each in epochs], per_epoch) == [
        Place(*divmod(step, per_epoch)) for step in range(stretches[-1].stop)
    ]


def test_tenths_of_an_epoch_make_an_epoch():
    assert laid_out([Phase(0.1, 0.1)] * 10, lambda _: 25)[-1].stop == 25


def test_phases_that_read_alike_share_an_epoch():
    assert [stretch.stop for stretch in laid_out([Phase(0.3, 0.1), Phase(0.7, 0.1)], lambda _: 10)] == [3, 10]
    assert places([Phase(0.3, 0.1), Phase(0.7, 0.1)], 10)[2:4] == [Place(0, 2), Place(0, 3)]


def test_a_phase_of_another_image_size_begins_a_new_epoch():
    assert places([Phase(0.5, 0.1, side=64), Phase(0.5, 0.1, side=128)], 4) == [
        Place(0, 0),
        Place(0, 1),
        Place(1, 0),
        Place(1, 1),
    ]


def test_rates_go_from_the_start_to_just_before_the_end():
    (stretch,) = laid_out([Phase(1, Ramp(1.0, 0.0))], lambda _: 4)
    assert [stretch.rates(step).learning_rate for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


def test_nothing_to_do_or_to_read_is_an_error():
    with pytest.raises(ValueError, match="at least one phase"):
        laid_out([], lambda _: 4)
    with pytest.raises(ValueError, match="phase 0 has no batch to read"):
        laid_out([Phase(1, 0.1)], lambda _: 0)
