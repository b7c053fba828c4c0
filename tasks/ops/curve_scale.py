"""The scale on which a learning curve is drawn, as a picture or on a page: straight, or by orders of magnitude."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[int, float]]
"""A line, as points `(step, value)`."""
Series = Mapping[str, Points]
"""Lines by name."""

LOGARITHMIC_FROM = 30
"""Where the highest value is so many times the lowest, steps of the same factor look alike."""


@dataclass(frozen=True, slots=True)
class CurveScale:
    """Values from `low` to `high`."""

    low: float
    high: float
    is_logarithmic: bool

    @classmethod
    def over(cls, values: Iterable[float]) -> CurveScale:
        """Return the scale for values; those that are no finite number do not count."""
        finite = [value for value in values if math.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        is_logarithmic = low > 0 and high > LOGARITHMIC_FROM * low
        if low == high:  # a steady number: draw it in the middle
            low, high = low - (abs(low) or 1.0), high + (abs(high) or 1.0)
        return cls(low, high, is_logarithmic)

    @property
    def middle(self) -> float:
        """The value that is drawn halfway up."""
        # The product of both may be too small, or too large, for a number.
        return math.sqrt(self.low) * math.sqrt(self.high) if self.is_logarithmic else (self.low + self.high) / 2

    def share(self, value: float) -> float:
        """Return how far up a value is: 0 at `low`, 1 at `high`."""
        low, high, at = (math.log10(each) if self.is_logarithmic else each for each in (self.low, self.high, value))
        return (at - low) / (high - low)


def thinned(points: Points, *, most: int) -> Points:
    """Return at most so many points of a line, evenly, the last one among them."""
    every = -(-len(points) // most)
    return points[len(points) - 1 :: -every][::-1] if points else []
