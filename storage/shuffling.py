"""Orders that are a pure function of their seed: the same on every machine, with every version of every library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
"""Step of the splitmix64 generator (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators")."""


def shuffle_keys(ids: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Return a number for each id, `(n,)` uint64; sorting by it is the shuffle of `seed`.

    splitmix64's finaliser over id and seed: a bijection, so distinct ids never tie, and a pure function of each
    id, so images that come later never reorder those that were there.
    """
    with np.errstate(over="ignore"):
        mixed = ids + np.uint64((seed + 1) * GOLDEN_GAMMA % 2**64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def epoch_order(count: int, *, seed: int, epoch: int, rank: int = 0, world: int = 1) -> NDArray[np.int64]:
    """Return the rows that process `rank` of `world` reads in `epoch`, in order: a uniform shuffle of all rows.

    Each process gets as many as every other, so that none waits for ever at the end: up to `world - 1` rows, others
    in each epoch, are left out.
    """
    if not 0 <= rank < world:
        raise ValueError(f"the rank must lie in 0..{world - 1}, got {rank}")
    seed_of_epoch = int(shuffle_keys(np.array([epoch], np.uint64), seed)[0])
    order = np.argsort(shuffle_keys(np.arange(count, dtype=np.uint64), seed_of_epoch), kind="stable")
    return order[: count - count % world][rank::world]
