"""The rows of a version at one size as one array, whatever shards and chunks they lie in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import chunk_ranges
from storage.digests import chunk_crc
from storage.errors import DamagedDataset
from storage.open_shards import OpenShard, OpenShards
from storage.tiers import Access, Tiers
from storage.versions import Version


class SizedRows:
    """All rows of a version at one size, read by slice or by an array of row numbers."""

    def __init__(self, tiers: Tiers, dataset: str, version: Version, side: int, *, access: Access, check: bool) -> None:
        self._dataset, self._side, self._check = dataset, side, check
        self._shards = [shard for shard in version.shards if shard.rows]
        self._starts = np.cumsum([0, *(shard.rows for shard in self._shards)])
        self._open = OpenShards(tiers, dataset, version, side, access=access, check=check)

    def __len__(self) -> int:
        return int(self._starts[-1])

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
        blocks = [np.empty((0, self._side, self._side, 3), np.uint8)]
        while start < stop:
            shard = self._shard_of(start)
            end = min(stop, int(self._starts[shard + 1]))
            first = int(self._starts[shard])
            blocks.append(self._read(shard, slice(start - first, end - first)))
            start = end
        return np.concatenate(blocks)

    def _scattered(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        wanted = np.where(rows < 0, rows + len(self), rows)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"rows must lie in -{len(self)}..{len(self) - 1}, got {rows.min()}..{rows.max()}")
        out = np.empty((len(wanted), self._side, self._side, 3), np.uint8)
        order = np.argsort(wanted, kind="stable")
        ascending = wanted[order]
        first = 0
        while first < len(order):
            # A chunk is read once, however many of its rows are wanted.
            last = int(np.searchsorted(ascending, self._chunk_end(int(ascending[first]))))
            block = self._consecutive(int(ascending[first]), int(ascending[last - 1]) + 1)
            out[order[first:last]] = block[ascending[first:last] - ascending[first]]
            first = last
        return out

    def _chunk_end(self, row: int) -> int:
        """Return the row after the last one in the chunk that holds `row`."""
        shard = self._shard_of(row)
        start, stop = int(self._starts[shard]), int(self._starts[shard + 1])
        size = self._open.read(self._shards[shard], lambda opened: opened.array.spec.rows_per_chunk)
        return min(start + ((row - start) // size + 1) * size, stop)

    def _shard_of(self, row: int) -> int:
        return int(np.searchsorted(self._starts, row, side="right")) - 1

    def _read(self, shard: int, rows: slice) -> NDArray[np.uint8]:
        return self._open.read(self._shards[shard], lambda opened: self._checked(opened, rows))

    def _checked(self, opened: OpenShard, rows: slice) -> NDArray[np.uint8]:
        """Return rows of one shard; with checking on, in whole chunks, each compared with its checksum."""
        array = opened.array
        if not self._check:
            return array[rows]
        size = array.spec.rows_per_chunk
        first_chunk = rows.start // size
        whole = slice(first_chunk * size, min(-(-rows.stop // size) * size, len(array)))
        block = array[whole]
        for chunk, part in enumerate(chunk_ranges(len(block), size), start=first_chunk):
            if chunk_crc(block[part]) != opened.chunk_crcs[chunk]:
                raise DamagedDataset(
                    f"{opened.path}: chunk {chunk} (rows {chunk * size} on) is not what was published; nothing of it "
                    "was returned",
                    path=opened.path,
                    remedy=f"run: imagemill repair {self._dataset}",
                )
        return block[rows.start - whole.start : rows.stop - whole.start]
