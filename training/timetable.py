"""Phases laid out in numbered steps. Pure: from the number of a step all else follows, so a resumed run needs no more.

Phases that read the same batches go on in the epoch where the last one stopped: 0.3 and 0.7 of an epoch see each row
once. Where the images or the batches change size, a new epoch begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.phases import Phase, Rates


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the data a step is: the number of an epoch and that of a batch in it."""

    epoch: int
    batch: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Phase `number` from step `first` to before step `stop`.

    Its reading began an epoch, that of number `origin_epoch`, at step `origin`; `reach` is how many epochs from there
    to its end the phases ask for.
    """

    number: int
    phase: Phase
    first: int
    stop: int
    origin: int
    origin_epoch: int
    reach: float
    steps_per_epoch: int

    def rates(self, step: int) -> Rates:
        """Return the rates of a step."""
        return self.phase.rates((step - self.first) / (self.stop - self.first))

    def place(self, step: int) -> Place:
        """Return which batch a step uses."""
        epochs, batch = divmod(step - self.origin, self.steps_per_epoch)
        return Place(self.origin_epoch + epochs, batch)

    def epochs_after(self, steps: int) -> float:
        """Return how many epochs are over when `steps` steps are."""
        return self.origin_epoch + (steps - self.origin) / self.steps_per_epoch


def laid_out(phases: Sequence[Phase], steps_per_epoch: Callable[[Phase], int]) -> list[Stretch]:
    """Return the phases with the numbers of their steps, each phase at least one step.

    Raises:
        ValueError: there is no phase, or one for which there is not a single batch to read.
    """
    if not phases:
        raise ValueError("a run needs at least one phase")
    stretches: list[Stretch] = []
    for number, phase in enumerate(phases):
        steps = steps_per_epoch(phase)
        if steps < 1:
            raise ValueError(f"phase {number} has no batch to read: it has fewer rows than processes, or than a batch")
        stretches.append(_next(stretches[-1] if stretches else None, number, phase, steps))
    return stretches


def _next(before: Stretch | None, number: int, phase: Phase, steps: int) -> Stretch:
    first = before.stop if before else 0
    if before and _reads_as(before.phase, phase):
        origin, epoch, reach = before.origin, before.origin_epoch, before.reach + phase.epochs
    else:
        origin, epoch, reach = first, before.place(first - 1).epoch + 1 if before else 0, phase.epochs
    # Rounding where a phase ends, not how long it is, keeps ten tenths of an epoch one epoch.
    stop = max(first + 1, origin + round(reach * steps))
    return Stretch(number, phase, first, stop, origin, epoch, reach, steps)


def _reads_as(former: Phase, phase: Phase) -> bool:
    return (former.side, former.batch_size) == (phase.side, phase.batch_size)
