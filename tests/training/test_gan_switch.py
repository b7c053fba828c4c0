"""Whose turn it is: fastai's rule, a cap that keeps the generator alive, and a state that goes into checkpoints."""

from __future__ import annotations

import pytest

from training.gan_switch import SMOOTHING, AdaptiveSwitch


def turns(switch: AdaptiveSwitch, losses: list[float]) -> str:
    """Return the turns taken, "c" or "g", while each loss is one of the critic."""
    taken = ""
    for loss in losses:
        switch.after_critic(loss)
        taken += "c"
        if switch.turn == "generator":
            switch.after_generator()
            taken += "g"
    return taken


def test_the_critic_begins_and_learns_until_it_is_good_enough():
    switch = AdaptiveSwitch(threshold=0.65, most_steps=99)
    assert switch.turn == "critic"
    # Smoothed: 0.7, about 0.7, then the mean of three with nearly equal weights.
    assert turns(switch, [0.7, 0.7, 0.4, 0.4]) == "cccgcg"


def test_a_critic_just_above_the_threshold_does_not_starve_the_generator():
    assert turns(AdaptiveSwitch(threshold=0.65, most_steps=3), [0.66] * 7) == "cccgcccgc"


def test_the_smoothed_loss_is_the_mean_with_geometric_weights():
    switch = AdaptiveSwitch(threshold=0.1, most_steps=99)
    losses = [0.9, 0.3, 0.6]
    for loss in losses:
        switch.after_critic(loss)
    weights = [SMOOTHING**age for age in (2, 1, 0)]
    expected = sum(loss * weight for loss, weight in zip(losses, weights, strict=True)) / sum(weights)
    assert switch.smoothed_loss == pytest.approx(expected)


@pytest.mark.parametrize("steps", range(8))
def test_a_switch_with_anothers_state_goes_on_as_the_other_would(steps: int):
    losses = [0.7, 0.66, 0.6, 0.9, 0.9, 0.9, 0.9, 0.2, 0.2]
    whole, half = (AdaptiveSwitch(threshold=0.65, most_steps=3) for _ in range(2))
    other = AdaptiveSwitch(threshold=0.65, most_steps=3)
    expected = turns(whole, losses)
    before = turns(half, losses[:steps])
    other.load_state_dict(half.state_dict())
    assert before + turns(other, losses[steps:]) == expected


def test_a_threshold_or_a_cap_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"below a loss above 0, after 1 step or more, got 0\.65 and 0"):
        AdaptiveSwitch(threshold=0.65, most_steps=0)
