"""What is due after a step: a line of the curve, a validation, a checkpoint, the end. All processes decide alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from training.distributed import World
from training.interruption import Interruption
from training.loop_settings import LoopSettings
from training.timetable import Stretch

AGREE_STEPS = 10
"""Several processes ask each other so seldom whether one was told to stop: each time they wait for one another."""


@dataclass(frozen=True, slots=True)
class Due:
    """What has to be done before the next step."""

    report: bool
    validation: bool
    checkpoint: bool
    stop: bool


class Agenda:
    """Decides what is due, from the settings, the clock and whether somebody asked the run to stop."""

    def __init__(
        self, settings: LoopSettings, stretches: Sequence[Stretch], *, world: World, interruption: Interruption
    ) -> None:
        self._settings, self._world, self._interruption = settings, world, interruption
        self._last = stretches[-1].stop
        self._saved = time.monotonic()

    def after(self, steps: int, stretch: Stretch) -> Due:
        """Return what is due when `steps` steps are done, the last of them one of `stretch`."""
        settings, ends = self._settings, steps == self._last
        is_told, is_late = self._agreed(steps)
        checkpoint = ends or is_told or is_late or _is_turn(steps, settings.checkpoint_steps)
        if checkpoint:
            self._saved = time.monotonic()
        if settings.validate_steps is None:
            validation = stretch.place(steps - 1).batch == stretch.steps_per_epoch - 1
        else:
            validation = _is_turn(steps, settings.validate_steps)
        return Due(ends or _is_turn(steps, settings.report_steps), ends or validation, checkpoint, is_told and not ends)

    def _agreed(self, steps: int) -> tuple[bool, bool]:
        """Return whether the run was told to stop, and whether the last checkpoint is too long ago."""
        if self._world.size > 1 and steps % AGREE_STEPS:
            return False, False
        is_late = time.monotonic() - self._saved > self._settings.checkpoint_minutes * 60
        return self._world.any(self._interruption.is_requested), self._world.any(is_late)


def _is_turn(steps: int, every: int | None) -> bool:
    return every is not None and steps % every == 0
