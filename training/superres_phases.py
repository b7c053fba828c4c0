"""The schedules of super-resolution's authors, as phases."""

from __future__ import annotations

from dataclasses import replace

from training.optimisers import Optimiser
from training.phases import Phase
from training.ramps import discriminative
from training.schedules import one_cycle

_GROUPS = 3
_RATE = 1e-3
# fastai 1.0: AdamW with betas (0.9, 0.99), of which one cycle moves the first; the decay is the lesson's.
_LESSON = Phase(10, _RATE, Optimiser("adamw", beta2=0.99), weight_decay=1e-3, side=128, batch_size=32)


def lesson_phases() -> list[Phase]:
    """Return the schedule of fast.ai's lesson 7 of 2019 (`lesson7-superres`): four times ten epochs of one cycle.

    128 then 256 pixels, in batches of 32 and 12; at each size with the encoder frozen, then all of it, at lower rates
    towards the input. The lesson shrinks pictures to a size, here it is that of crops.
    """
    larger = replace(_LESSON, side=256, batch_size=12)
    return [
        *one_cycle(replace(_LESSON, learning_rate=_frozen_rates(10 * _RATE), frozen=_GROUPS - 1), warm_up=0.9),
        *one_cycle(replace(_LESSON, learning_rate=discriminative(1e-5, _RATE, _GROUPS)), warm_up=0.9),
        *one_cycle(replace(larger, learning_rate=_frozen_rates(_RATE), frozen=_GROUPS - 1), warm_up=0.9),
        *one_cycle(replace(larger, learning_rate=discriminative(1e-6, 1e-4, _GROUPS)), warm_up=0.3),
    ]


def johnson_phases() -> list[Phase]:
    """Return the schedule of Johnson et al. 2016, section 4.2: Adam at 0.001, batches of 4 whole pictures of 288².

    80 epochs of their 10,000 pictures are their 200,000 steps.
    """
    return [Phase(80, 1e-3, Optimiser("adam"), batch_size=4)]


def _frozen_rates(high: float) -> tuple[float, ...]:
    """Return fastai's `slice(high)`: a tenth of it for all groups but the last, whose batch norms still learn."""
    return (*[high / 10] * (_GROUPS - 1), high)
