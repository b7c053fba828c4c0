"""The rows of one shard, open: compared with the checksums of what was published before anybody sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import ArrayRows
from storage.digests import chunk_crc
from storage.errors import DamagedDataset


class ShardRows:
    """Reads the rows of the array at `path`, a part of `dataset`; without `crcs` as they are.

    Each CRC-32C covers `rows_per_crc` rows, the last perhaps fewer. Where a row is wanted that shares its CRC with
    others, all of them are read.
    """

    def __init__(
        self, path: Path, array: ArrayRows, *, dataset: str, rows_per_crc: int = 1, crcs: Sequence[int] = ()
    ) -> None:
        self.path = path
        self._array, self._dataset, self._rows_per_crc, self._crcs = array, dataset, rows_per_crc, crcs

    def read_range(self, first: int, out: NDArray[np.uint8]) -> None:
        """Fill `out`, `(n, side, side, 3)` and contiguous, with the rows from `first` on.

        Raises:
            DamagedDataset: they are not what was published; `out` then holds anything.
        """
        if not self._crcs:
            return self._array.read_into(first, out)
        done, wanted = 0, len(out)
        while done < wanted:
            number, skipped = divmod(first + done, self._rows_per_crc)
            covered = self._covered(number)
            count = min(wanted - done, covered - skipped)
            part = out[done : done + count]
            if count == covered:
                self._read_covered(number, part)
            else:
                part[:] = self._block(number)[skipped : skipped + count]
            done += count

    def read_each(self, rows: Sequence[int], parts: Sequence[memoryview]) -> None:
        """Put the rows of these ascending numbers into `parts`, as bytes; otherwise as `read_range`."""
        if not self._crcs:
            return self._array.read_each(rows, parts)
        if self._rows_per_crc == 1:
            self._array.read_each(rows, parts)
            for row, part in zip(rows, parts, strict=True):
                self._compare(row, part)
            return
        held, block = -1, memoryview(b"")
        for row, part in zip(rows, parts, strict=True):
            number, within = divmod(row, self._rows_per_crc)
            if number != held:
                # Read once, however many of its rows are wanted.
                held, block = number, self._block(number).reshape(-1).data
            part[:] = block[within * part.nbytes : (within + 1) * part.nbytes]

    def close(self) -> None:
        self._array.close()

    def _covered(self, number: int) -> int:
        """Return how many rows a CRC covers."""
        return min(self._rows_per_crc, len(self._array) - number * self._rows_per_crc)

    def _block(self, number: int) -> NDArray[np.uint8]:
        """Return all rows that a CRC covers."""
        side = self._array.spec.side
        block = np.empty((self._covered(number), side, side, 3), np.uint8)
        self._read_covered(number, block)
        return block

    def _read_covered(self, number: int, block: NDArray[np.uint8]) -> None:
        self._array.read_into(number * self._rows_per_crc, block)
        self._compare(number, block.data)

    def _compare(self, number: int, block: memoryview) -> None:
        if chunk_crc(block) != self._crcs[number]:
            first = number * self._rows_per_crc
            last = first + self._covered(number) - 1
            raise DamagedDataset(
                f"{self.path}: the block of rows {first} to {last} is not what was published; "
                "nothing of it was returned",
                path=self.path,
                remedy=f"run: imagemill repair {self._dataset}",
            )
