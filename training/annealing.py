"""How a number goes from one value to another over a phase. Pure functions of the share that is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

Curve = Callable[[float, float, float, float], float]
"""Takes start, end, the share of the steps that are done, 0 up to 1, and a power that only "polynomial" looks at."""


def annealed(start: float, end: float, share: float, *, annealing: str, power: float = 1.0) -> float:
    """Return the value at step i of n, where `share` is i/n: `start` at 0, `end` at 1 (with "none" always `start`)."""
    return curve_named(annealing)(start, end, share, power)


def curve_named(annealing: str) -> Curve:
    """Return the curve of that name.

    Raises:
        ValueError: there is none; the message lists those that there are.
    """
    try:
        return ANNEALINGS[annealing]
    except KeyError:
        raise ValueError(f"there is no annealing {annealing!r}; there are: {', '.join(ANNEALINGS)}") from None


def _none(start: float, end: float, share: float, power: float) -> float:
    return start


def _linear(start: float, end: float, share: float, power: float) -> float:
    return start + (end - start) * share


def _cosine(start: float, end: float, share: float, power: float) -> float:
    # cos(iπ/n), as in Loshchilov and Hutter 2017 (SGDR), equation 5. The lesson's notes misprint it.
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _exponential(start: float, end: float, share: float, power: float) -> float:
    return start * (end / start) ** share


def _polynomial(start: float, end: float, share: float, power: float) -> float:
    return end + (start - end) * (1 - share) ** power


ANNEALINGS: Mapping[str, Curve] = MappingProxyType(
    {"none": _none, "linear": _linear, "cosine": _cosine, "exponential": _exponential, "polynomial": _polynomial}
)
