"""What the loop drives, and what a recipe therefore writes: a `Step`, what it reads, what it measures.

Interfaces and values only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from storage.models import FigureTable
from training.phases import Phase, Rates


@dataclass(frozen=True, slots=True)
class Validation:
    """What a validation found: `metrics` by name, numbers or tensors of one number, and pictures to look at.

    Each of `samples`, by name, is `(h, w, 3)` uint8 RGB.
    """

    metrics: Mapping[str, float | Tensor]
    samples: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)


class Step(Protocol):
    """A recipe's objective. It owns networks, optimisers, losses and averages, and the loop knows none of them."""

    def begin_phase(self, phase: Phase) -> None:
        """Get ready for the steps of `phase`: freeze, unfreeze, take another optimiser.

        Called once as each phase begins. A resumed run calls it for the phase it stopped in, on a new object, and
        then `load_state_dict`, which must overrule all that it did but the choice of optimiser and of what learns.
        """
        ...

    def train_batch(self, batch: Any, rates: Rates) -> Mapping[str, Tensor]:
        """Learn from one batch; return the losses by name, detached tensors of one number: nothing waits for them.

        The same names at each step of a phase. "loss" is the one that divergence is judged by.
        """
        ...

    def validate(self, batches: Iterable[Any]) -> Validation:
        """Measure on batches that nothing is learnt from; on each process its own, the metrics the same on all."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on: tensors, numbers, texts, lists and dicts of them."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        ...

    def weights(self) -> Mapping[str, Any]:
        """Return what a finished model consists of, tensors by name: averaged where averages are kept."""
        ...


class Reader(Protocol):
    """Batches to learn from, epoch after epoch, in an order that never changes."""

    def __len__(self) -> int:
        """Return the batches of one epoch; the same for every process."""
        ...

    def batches(self, epoch: int, first: int) -> Generator[Sized, None, None]:
        """Yield the batches from number `first` of `epoch` on, and on through the epochs after it, without end."""
        ...


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a finished model reaches on rows that nothing was learnt from.

    `metrics` by name; `groups` has some of them for parts of the rows, such as classes, by the name of the part.
    `tables` are for the card, where figures have to be seen side by side.
    """

    metrics: Mapping[str, float]
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tables: Sequence[FigureTable] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """All that a recipe makes of its configuration; `training.loop.train` does the rest.

    `train` returns the reader of a phase, which looks at its side and batch size only. `valid` returns the batches of
    one validation.
    """

    step: Step
    phases: Sequence[Phase]
    train: Callable[[Phase], Reader]
    valid: Callable[[Phase], Iterable[Any]]
