"""The ranges that defects draw from: checked where parameters are made, drawn where they are used."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

Range = tuple[float, float]
"""Lowest and highest of an even spread."""
WholeRange = tuple[int, int]
"""Lowest and highest whole number, both of them possible."""


def check_range(key: str, given: Range, low: float, high: float) -> None:
    """Raise ValueError unless `given` is a range within [`low`, `high`]."""
    # Written so that nan, which TOML allows, is refused as well.
    if not low <= given[0] <= given[1] <= high:
        raise ValueError(f"{key} must be [lowest, highest] within {low} to {high}, got [{given[0]}, {given[1]}]")


def check_choice(key: str, given: str, known: Iterable[str]) -> None:
    """Raise ValueError unless `given` is one of `known`."""
    if given not in known:
        raise ValueError(f"{key} must be one of {', '.join(known)}, got {given!r}")


def drawn(rng: np.random.Generator, spread: Range) -> float:
    """Return a number from `spread`, each as likely; takes one draw even where both ends are equal."""
    return spread[0] + (spread[1] - spread[0]) * rng.random()


def drawn_whole(rng: np.random.Generator, spread: WholeRange) -> int:
    """Return a whole number from `spread`, each as likely; takes one draw even where both ends are equal."""
    # Not rng.integers, which takes no draw at all for a range of one, and costs twice as much.
    return spread[0] + int((spread[1] - spread[0] + 1) * rng.random())
