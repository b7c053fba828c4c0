"""The schedules of fast.ai's lesson 7 of 2019 (`lesson7-superres-gan`), as phases: 128 pixels in batches of 32."""

from __future__ import annotations

from dataclasses import replace

from training.optimisers import Optimiser
from training.phases import Phase
from training.ramps import discriminative
from training.schedules import one_cycle

_RATE = 1e-3
# fastai 1.0: AdamW with betas (0.9, 0.99), of which one cycle moves the first; the decay is the lesson's.
_LESSON = Phase(1, _RATE, Optimiser("adamw", beta2=0.99), weight_decay=1e-3, side=128, batch_size=32)
# `fit_one_cycle(2)` without a rate is at fastai's default.
_DEFAULT_RATE = 3e-3


def generator_phases(groups: int) -> list[Phase]:
    """Return 2 epochs with all layer groups but the last frozen, then 3 of the whole network.

    A network of one group has none to freeze, and learns for all of the 5 epochs at the highest rate.
    """
    if groups == 1:
        return one_cycle(replace(_LESSON, epochs=5))
    head, whole = replace(_LESSON, epochs=2, frozen=groups - 1), replace(_LESSON, epochs=3)
    return [
        *one_cycle(replace(head, learning_rate=(*[_DEFAULT_RATE / 10] * (groups - 1), _DEFAULT_RATE)), warm_up=0.8),
        *one_cycle(replace(whole, learning_rate=discriminative(1e-6, _RATE, groups))),
    ]


def critic_phases() -> list[Phase]:
    """Return 6 epochs of one cycle."""
    return one_cycle(replace(_LESSON, epochs=6))


def ping_pong_phases() -> list[Phase]:
    """Return 40 epochs, and 10 at 192 pixels and half the rate: Adam with betas (0, 0.99), as all that is adversarial.

    A first beta above 0 would carry on what the opponent of before asked for.
    """
    steady = replace(_LESSON, epochs=40, learning_rate=1e-4, momentum=0.0)
    return [steady, replace(steady, epochs=10, learning_rate=5e-5, side=192, batch_size=16)]
