"""The usual schedules as functions: each takes one phase, whose learning rate is the highest, and returns phases."""

from __future__ import annotations

from dataclasses import replace

from training.phases import Phase
from training.ramps import Course, Level, Ramp, scaled

DIVISOR = 25.0
FINAL_DIVISOR = 1e4


def one_cycle(
    phase: Phase,
    *,
    warm_up: float = 0.3,
    divisor: float = DIVISOR,
    final_divisor: float = FINAL_DIVISOR,
    momenta: tuple[float, float] = (0.95, 0.85),
    annealing: str = "cosine",
) -> list[Phase]:
    """Return two phases: up to the learning rate for a share `warm_up` of the epochs, then down to almost nothing.

    From rate / `divisor`, to rate / (`divisor` × `final_divisor`); momentum goes the other way, from the first of
    `momenta` to the second and back. After Smith 2018 ("super-convergence"), with the figures of fast.ai's
    `fit_one_cycle`.
    """
    if not 0 < warm_up < 1:
        raise ValueError(f"the share of the warm-up lies between 0 and 1, got {warm_up}")
    peak = _steady_rate(phase)
    low, last = scaled(peak, 1 / divisor), scaled(peak, 1 / (divisor * final_divisor))
    high_momentum, low_momentum = momenta
    return [
        replace(
            phase,
            epochs=phase.epochs * warm_up,
            learning_rate=Ramp(low, peak, annealing),
            momentum=Ramp(high_momentum, low_momentum, annealing),
        ),
        replace(
            phase,
            epochs=phase.epochs * (1 - warm_up),
            learning_rate=Ramp(peak, last, annealing),
            momentum=Ramp(low_momentum, high_momentum, annealing),
        ),
    ]


def sgdr(phase: Phase, *, cycles: int = 3, growth: float = 2.0, floor: float = 0.0) -> list[Phase]:
    """Return `cycles` phases, each a cosine from the learning rate to `floor` times it, each `growth` times longer.

    The epochs of `phase` are those of the first cycle. Loshchilov and Hutter 2017, "SGDR".
    """
    _require_some(cycles, "cycles")
    peak = _steady_rate(phase)
    down = Ramp(peak, scaled(peak, floor), "cosine")
    return [replace(phase, epochs=phase.epochs * growth**cycle, learning_rate=down) for cycle in range(cycles)]


def step_decay(phase: Phase, *, steps: int = 3, factor: float = 0.1) -> list[Phase]:
    """Return `steps` phases as long as `phase`, each with `factor` times the learning rate of the one before."""
    _require_some(steps, "steps")
    peak = _steady_rate(phase)
    return [replace(phase, learning_rate=scaled(peak, factor**step)) for step in range(steps)]


def lr_find(phase: Phase, *, lowest: float = 1e-7, divergence: float = 4.0) -> list[Phase]:
    """Return one phase in which the learning rate grows exponentially from `lowest` to that of `phase`.

    With one rate for each layer group all grow in proportion, the highest from `lowest`. The run ends when the
    smoothed loss is above `divergence` times its best. Smith 2017, "Cyclical learning rates".
    """
    highest = _steady_rate(phase)
    first = scaled(highest, lowest / (max(highest) if isinstance(highest, tuple) else highest))
    return [replace(phase, learning_rate=Ramp(first, highest, "exponential"), divergence=divergence)]


def _steady_rate(phase: Phase) -> Level:
    course: Course = phase.learning_rate
    if isinstance(course, Ramp):
        raise ValueError(f"a schedule is made of a phase with a steady learning rate, not of one with {course}")
    return course


def _require_some(count: int, what: str) -> None:
    if count < 1:
        raise ValueError(f"a schedule has at least 1 of its {what}, got {count}")
