"""What decides a row's pixels, its label and its split. Two runs with equal parameters make equal rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SplitRule:
    """Which rows are held out: `by` "source" (the image's bytes) or "class"; shares in [0, 1]."""

    by: str
    valid: float
    test: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything besides the images themselves that a shard's identity covers."""

    sides: tuple[int, ...]
    array_format: str
    fidelity: str
    interpolation: str
    max_pixels: int
    max_scans: int
    colour_policy: tuple[str, ...]
    split: SplitRule
    libraries: tuple[tuple[str, str], ...]
    """Name and version of each library that decides pixels, e.g. ("libjpeg-turbo", "3.1.0")."""
