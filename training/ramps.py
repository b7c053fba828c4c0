"""Numbers of a phase that may change over its steps and differ between layer groups: learning rates and momenta."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from training.annealing import annealed, curve_named

Level = float | tuple[float, ...]
"""One number for all layer groups, or one for each, the groups nearest to the input first."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """From `start` to `end` over the steps of a phase, each one number or one for each layer group.

    The first step has `start`; `end` is what the step after the last would have. `power` is for "polynomial".
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    start: Level
    end: Level
    annealing: str = "linear"
    power: float = 1.0

    def __post_init__(self) -> None:
        curve_named(self.annealing)
        joint_groups(self.start, self.end)
        if self.annealing == "exponential" and min(*numbers(self.start), *numbers(self.end)) <= 0:
            raise ValueError(f"an exponential ramp needs numbers above 0, got {self.start} to {self.end}")
        if not self.power > 0:
            raise ValueError(f"the power of a ramp must be above 0, got {self.power}")

    def at(self, share: float) -> Level:
        """Return the numbers when `share` of the phase, 0 up to 1, is done."""
        groups = joint_groups(self.start, self.end)
        if groups is None:
            return self._between(self.start, self.end, share)  # type: ignore[arg-type] # joint_groups says: numbers
        starts, ends = spread_out(self.start, groups), spread_out(self.end, groups)
        return tuple(self._between(start, end, share) for start, end in zip(starts, ends, strict=True))

    def _between(self, start: float, end: float, share: float) -> float:
        return annealed(start, end, share, annealing=self.annealing, power=self.power)


Course = Level | Ramp
"""What a phase says of a number: that it stays, or how it changes."""


def level_at(course: Course, share: float) -> Level:
    """Return the numbers when `share` of the phase is done."""
    return course.at(share) if isinstance(course, Ramp) else course


def numbers(course: Course) -> tuple[float, ...]:
    """Return every number that a course names."""
    if isinstance(course, Ramp):
        return numbers(course.start) + numbers(course.end)
    return course if isinstance(course, tuple) else (course,)


def scaled(level: Level, factor: float) -> Level:
    """Return `level` with each number times `factor`."""
    return tuple(each * factor for each in level) if isinstance(level, tuple) else level * factor


def spread_out(level: Level, groups: int) -> tuple[float, ...]:
    """Return one number for each of `groups` layer groups.

    Raises:
        ValueError: `level` has another number of them.
    """
    if not isinstance(level, tuple):
        return (level,) * groups
    if len(level) != groups:
        raise ValueError(f"{len(level)} numbers are given, {level}, and the network has {groups} layer groups")
    return level


def joint_groups(*courses: Course) -> int | None:
    """Return for how many layer groups the courses name numbers, None if one number always serves for all.

    Raises:
        ValueError: they name different numbers of groups, or none, or what is no finite number.
    """
    for course in courses:
        if not numbers(course) or not all(map(math.isfinite, numbers(course))):
            raise ValueError(f"expected a finite number, or one for each layer group, got {course}")
    levels = [part for course in courses for part in _levels(course)]
    counts = {len(level) for level in levels if isinstance(level, tuple)}
    if len(counts) > 1:
        raise ValueError(f"numbers for {' and for '.join(map(str, sorted(counts)))} layer groups are given together")
    return counts.pop() if counts else None


def _levels(course: Course) -> tuple[Level, ...]:
    return (course.start, course.end) if isinstance(course, Ramp) else (course,)


def discriminative(low: float, high: float, groups: int) -> tuple[float, ...]:
    """Return `groups` numbers from `low`, for the layers nearest to the input, to `high`, evenly by ratio."""
    if groups < 1 or min(low, high) <= 0:
        raise ValueError(f"expected numbers above 0 for at least 1 group, got {low} to {high} for {groups}")
    if groups == 1:
        return (high,)
    return tuple(low * (high / low) ** (number / (groups - 1)) for number in range(groups))


def mapped(course: Course, change: Callable[[Level], Level]) -> Course:
    """Return the course with `change` made to each of its levels."""
    if isinstance(course, Ramp):
        return Ramp(change(course.start), change(course.end), course.annealing, course.power)
    return change(course)
