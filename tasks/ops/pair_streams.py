"""The randomness of pairs: for each row and each defect a generator of its own, made from two numbers.

So a row can be made alone, and what one defect draws never depends on which others a recipe has.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray

from storage.shuffling import GOLDEN_GAMMA, shuffle_keys


def pair_seeds(ids: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Return the seed of each row's pair, `(n,)` uint64, from the rows' ids and the seed of a recipe."""
    return shuffle_keys(ids, seed)


def stream(seed: int, key: int) -> np.random.Generator:
    """Return the generator of the stream `key` of a row's `seed`, both uint64.

    SFC64 (Chris Doty-Humphrey, PractRand 2014) started from the two numbers themselves, which its first twelve
    steps mix: a fifth of the time that `np.random.default_rng([seed, key])` takes.
    """
    words: Any = _Words(np.array([seed, key, GOLDEN_GAMMA], np.uint64))  # numpy's types forget its own ISeedSequence
    return np.random.Generator(np.random.SFC64(words))


@lru_cache(maxsize=256)
def stream_keys(defects: tuple[str, ...]) -> tuple[int, ...]:
    """Return the key of each defect's stream: that of its name, and of how many of this name came before it."""
    before: Counter[str] = Counter()
    keys = []
    for defect in defects:
        keys.append(int.from_bytes(blake3(f"{defect} {before[defect]}".encode()).digest(length=8), "big"))
        before[defect] += 1
    return tuple(keys)


class _Words(ISeedSequence):
    """Hands numpy the words that a generator starts from, without its own costlier mixing."""

    __slots__ = ("words",)

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> NDArray[np.uint64]:
        if (n_words, dtype) != (len(self.words), np.uint64):
            raise ValueError(f"these are {len(self.words)} words of 64 bits, and {n_words} of {dtype} were asked for")
        return self.words
