"""A training run as a list of phases: what is optimised how, at which rates, for how long. Values only.

The idea is that of fast.ai's TrainingPhase: whatever schedule one thinks of is a list, and a list is read, drawn and
kept in a TOML file. `training/schedules.py` has functions that make the usual ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from training.optimisers import Optimiser
from training.ramps import Course, Level, Ramp, joint_groups, level_at, numbers
from training.sentences import in_one_sentence

ADAMW = Optimiser("adamw")


@dataclass(frozen=True, slots=True)
class Rates:
    """What holds for one step; each is one number, or one for each layer group."""

    learning_rate: Level
    momentum: Level
    weight_decay: Level


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training under one rule.

    `epochs` may be a fraction. Momentum is the first beta for adam and adamw. `side` is that of the images in pixels
    and `batch_size` the rows of one step in each process; None leaves them to the recipe. The first `frozen` layer
    groups do not learn. With `divergence`, the run ends when its smoothed loss is above so many times its best.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    epochs: float
    learning_rate: Course
    optimiser: Annotated[Optimiser, BeforeValidator(_named)] = ADAMW
    momentum: Course = 0.9
    weight_decay: Level = 0.0
    side: int | None = None
    batch_size: int | None = None
    frozen: int = 0
    divergence: float | None = None

    def __post_init__(self) -> None:
        for problem, is_so in self._problems():
            if is_so:
                raise ValueError(problem)
        self._check_frozen(joint_groups(self.learning_rate, self.momentum, self.weight_decay))

    def rates(self, share: float) -> Rates:
        """Return the rates when `share` of the phase, 0 up to 1, is done."""
        return Rates(level_at(self.learning_rate, share), level_at(self.momentum, share), self.weight_decay)

    def _problems(self) -> list[tuple[str, bool]]:
        rates, momenta, decays = numbers(self.learning_rate), numbers(self.momentum), numbers(self.weight_decay)
        return [
            (f"a phase needs more than 0 epochs, got {self.epochs}", not 0 < self.epochs < math.inf),
            (f"a learning rate cannot be below 0, got {self.learning_rate}", min(rates, default=0) < 0),
            (
                f"a momentum lies in [0, 1), got {self.momentum}",
                not (min(momenta, default=0) >= 0 and max(momenta, default=0) < 1),
            ),
            (f"a weight decay cannot be below 0, got {self.weight_decay}", min(decays, default=0) < 0),
            (f"the side of an image is at least 1 pixel, got {self.side}", self.side is not None and self.side < 1),
            (
                f"a batch has at least 1 row, got {self.batch_size}",
                self.batch_size is not None and self.batch_size < 1,
            ),
            (
                f"a divergence is a factor above 1, got {self.divergence}",
                self.divergence is not None and not self.divergence > 1,
            ),
        ]

    def _check_frozen(self, groups: int | None) -> None:
        if self.frozen < 0 or (groups is not None and self.frozen >= groups):
            room = "0 or more" if groups is None else f"0 to {groups - 1}"
            raise ValueError(f"the number of frozen layer groups is {room}, got {self.frozen}")


_PHASES = TypeAdapter(list[Phase])


def phases_from_tables(tables: Sequence[Mapping[str, Any]]) -> list[Phase]:
    """Return the phases that a TOML file has as an array of tables.

    An optimiser may be its name alone. A list of numbers is one for each layer group, a table is a ramp.

    Raises:
        ValueError: a table is not that of a phase; the message says which, and what is wrong.
    """
    try:
        return _PHASES.validate_python(list(tables))
    except ValidationError as error:
        raise ValueError(f"phases: {in_one_sentence(error)}") from error


def tables_of(phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """Return phases as TOML has them: `phases_from_tables` gives back equal ones."""
    return _PHASES.dump_python(list(phases), mode="json", exclude_none=True)


def sentence_of(phase: Phase) -> str:
    """Return a phase in short, for the log: what it says beyond the defaults."""
    told = {field.name: getattr(phase, field.name) for field in fields(Phase)}
    given = [f"{name} {_short(value)}" for name, value in told.items() if value not in (None, 0)]
    return ", ".join(given)


def _short(value: object) -> str:
    if isinstance(value, Ramp):
        return f"{_short(value.start)} to {_short(value.end)} {value.annealing}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)
