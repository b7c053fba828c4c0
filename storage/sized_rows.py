"""The rows of a version at one size as one array, whatever shards and chunks they lie in."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise
from operator import methodcaller

import numpy as np
from numpy.typing import NDArray

from storage.open_shards import OpenShards
from storage.pair_versions import RowVersion
from storage.tiers import Reading, Tiers


class SizedRows:
    """All rows of a version at one size, read by slice or by an array of row numbers."""

    def __init__(
        self, tiers: Tiers, dataset: str, version: RowVersion, place: int, *, access: Reading, check: bool
    ) -> None:
        """`place` is that of the array among the objects of a shard."""
        self._side = version.sides[place]
        self._shards = [shard for shard in version.shards if shard.rows]
        self._starts = list(accumulate((shard.rows for shard in self._shards), initial=0))
        self._open = OpenShards(tiers, dataset, version, place, access=access, check=check)

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self), self._side, self._side, 3)

    def __getitem__(self, rows: slice | int | list[int] | NDArray[np.integer | np.bool_]) -> NDArray[np.uint8]:
        """Return `(n, side, side, 3)` for a slice or an array of row numbers, `(side, side, 3)` for one number.

        An array of n booleans stands for the numbers of the rows where it is true.
        """
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            return self._consecutive(start, stop) if step == 1 else self._scattered(np.arange(start, stop, step))
        if isinstance(rows, int | np.integer):
            return self._scattered(np.array([rows]))[0]
        return self._scattered(self._row_numbers(np.asarray(rows)))

    def read_into(self, rows: NDArray[np.integer], out: NDArray[np.uint8]) -> None:
        """Put the rows of these numbers, `(n,)`, into `out`, `(n, side, side, 3)` and contiguous.

        Raises:
            IndexError: there is no such row, or `out` has another shape.
            DamagedDataset: rows are not what was published; `out` then holds anything.
        """
        if out.shape != (len(rows), *self.shape[1:]) or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise IndexError(
                f"the rows need a contiguous uint8 array of {(len(rows), *self.shape[1:])}, got {out.dtype} {out.shape}"
            )
        wanted = np.where(rows < 0, rows + len(self), rows)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"rows must lie in -{len(self)}..{len(self) - 1}, got {rows.min()}..{rows.max()}")
        self._open.refresh()
        order = np.argsort(wanted, kind="stable")
        ascending = wanted[order]
        shards = np.searchsorted(self._starts, ascending, side="right") - 1
        within = (ascending - np.take(self._starts, shards)).tolist()
        size, memory = self._side * self._side * 3, out.reshape(-1).data
        parts = [memory[place * size : (place + 1) * size] for place in order.tolist()]
        bounds = np.flatnonzero(np.diff(shards, prepend=-1, append=-1)).tolist()
        for start, stop in pairwise(bounds):
            reading = methodcaller("read_each", within[start:stop], parts[start:stop])
            self._open.read(self._shards[shards[start]], reading)

    def close(self) -> None:
        """Close the shards that are open."""
        self._open.close()

    def _row_numbers(self, rows: NDArray[np.generic]) -> NDArray[np.int64]:
        if rows.dtype == np.bool_ and rows.shape == (len(self),):
            return np.flatnonzero(rows)
        if rows.ndim != 1 or (rows.size and not np.issubdtype(rows.dtype, np.integer)):
            raise IndexError(
                f"rows are picked by a slice, an array of row numbers or an array of {len(self)} booleans, "
                f"got {rows.ndim}-dimensional {rows.dtype} of shape {rows.shape}"
            )
        return rows.astype(np.int64)

    def _consecutive(self, start: int, stop: int) -> NDArray[np.uint8]:
        out = np.empty((max(0, stop - start), self._side, self._side, 3), np.uint8)
        self._open.refresh()
        done = 0
        while done < len(out):
            shard = self._shard_of(start + done)
            first = start + done - self._starts[shard]
            count = min(len(out) - done, self._starts[shard + 1] - start - done)
            self._open.read(self._shards[shard], methodcaller("read_range", first, out[done : done + count]))
            done += count
        return out

    def _scattered(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        out = np.empty((len(rows), self._side, self._side, 3), np.uint8)
        self.read_into(rows, out)
        return out

    def _shard_of(self, row: int) -> int:
        return bisect_right(self._starts, row) - 1
