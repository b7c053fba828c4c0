"""The usual schedules against values worked out by hand."""

from __future__ import annotations

import pytest

from training.optimisers import Optimiser
from training.phases import Phase
from training.ramps import Ramp
from training.schedules import lr_find, one_cycle, sgdr, step_decay

PHASE = Phase(10, 0.1, Optimiser("sgd"), weight_decay=0.01, side=128, frozen=1)


def test_one_cycle_goes_up_and_then_down_to_almost_nothing():
    up, down = one_cycle(PHASE, warm_up=0.3)
    assert (up.epochs, down.epochs) == pytest.approx((3, 7))
    assert [up.rates(share).learning_rate for share in (0, 0.5, 1)] == pytest.approx([0.004, 0.052, 0.1])
    assert down.rates(0).learning_rate == 0.1
    assert down.rates(1).learning_rate == pytest.approx(0.1 / 25 / 1e4)
    assert [up.rates(0).momentum, up.rates(1).momentum, down.rates(1).momentum] == pytest.approx([0.95, 0.85, 0.95])
    assert {(phase.optimiser, phase.weight_decay, phase.side, phase.frozen) for phase in (up, down)} == {
        (Optimiser("sgd"), 0.01, 128, 1)
    }


def test_one_cycle_keeps_the_proportions_of_layer_groups():
    up, _ = one_cycle(Phase(1, (1e-4, 1e-2)))
    assert up.rates(0).learning_rate == pytest.approx((4e-6, 4e-4))


def test_sgdr_starts_again_and_again_each_time_for_longer():
    cycles = sgdr(Phase(1, 0.1), cycles=3, growth=2, floor=0.01)
    assert [cycle.epochs for cycle in cycles] == [1, 2, 4]
    for cycle in cycles:
        assert cycle.rates(0).learning_rate == pytest.approx(0.1)
        assert cycle.rates(0.5).learning_rate == pytest.approx((0.1 + 0.001) / 2)
        assert cycle.rates(1).learning_rate == pytest.approx(0.001)


def test_step_decay_divides_the_rate_at_each_step():
    assert [phase.learning_rate for phase in step_decay(PHASE, steps=3)] == pytest.approx([0.1, 0.01, 0.001])


def test_lr_find_grows_by_the_same_ratio_at_each_step():
    (phase,) = lr_find(Phase(1, (1.0, 10.0)), lowest=1e-5)
    assert phase.rates(0).learning_rate == pytest.approx((1e-6, 1e-5))
    assert phase.rates(0.5).learning_rate == pytest.approx((1e-3, 1e-2))
    assert phase.rates(1).learning_rate == pytest.approx((1.0, 10.0))
    assert phase.divergence == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: one_cycle(PHASE, warm_up=1.0), "the share of the warm-up lies between 0 and 1, got 1.0"),
        (lambda: sgdr(PHASE, cycles=0), "at least 1 of its cycles, got 0"),
        (lambda: step_decay(PHASE, steps=0), "at least 1 of its steps, got 0"),
        (lambda: one_cycle(Phase(1, Ramp(0.1, 0.0))), "made of a phase with a steady learning rate"),
    ],
)
def test_a_schedule_that_cannot_be_says_why(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()
