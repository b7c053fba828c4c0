"""Random numbers that belong to a row: the same in a resumed run, whichever thread or process asks, in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.shuffling import shuffle_keys


@dataclass(frozen=True, slots=True)
class Draws:
    """Numbers for `rows` `(n,)` in one epoch: a pure function of seed, epoch, row and the name of what is drawn."""

    seed: int
    epoch: int
    rows: NDArray[np.int64]

    def below(self, limit: int, what: str) -> NDArray[np.int64]:
        """Return a whole number in 0..`limit` - 1 for each row, `(n,)` int64."""
        if limit < 1:
            raise ValueError(f"there is no whole number in 0..{limit - 1}")
        return (self._words(what) % np.uint64(limit)).astype(np.int64)

    def uniform(self, what: str) -> NDArray[np.float64]:
        """Return a number in [0, 1) for each row, `(n,)` float64."""
        # 53 bits are exact as a float; the 64 of the word would be rounded, some up to 1.
        return (self._words(what) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def _words(self, what: str) -> NDArray[np.uint64]:
        seed = self.seed
        for number in (int.from_bytes(what.encode()[:8].ljust(8, b"\0"), "little"), self.epoch):
            seed = int(shuffle_keys(np.array([number], np.uint64), seed)[0])
        return shuffle_keys(self.rows.astype(np.uint64), seed)
