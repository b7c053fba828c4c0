"""Who comes first in a shuffle, worked out with Python's integers from docs/formats.md alone."""

from __future__ import annotations

from blake3 import blake3

MASK = 2**64 - 1


def splitmix64(state: int, step: int) -> int:
    """Return output number `step` (from 1) of splitmix64 started at `state`, as in Vigna's splitmix64.c."""
    for _ in range(step):
        state = (state + 0x9E3779B97F4A7C15) & MASK
    mixed = state
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    return mixed ^ (mixed >> 31)


def shuffled_names(names: list[str], *, seed: int) -> list[str]:
    """Return names of images in the order of the shuffle with this seed."""
    return sorted(names, key=lambda name: splitmix64(int(blake3(name.encode()).hexdigest()[:16], 16), seed + 1))
