"""One size of a shard under construction: its file, and the checksums of what was meant to be in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import ArrayFormat, ArrayRows, ArraySpec, ArrayWriter, chunk_ranges, rows_per_crc
from storage.digests import chunk_crc, object_digest
from storage.durable import not_as_written, remove
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.receipts import ShardArray

BLOCK_BYTES = 1024 * 1024
"""Rows handed to a writer at once; each call of an array library costs as much as storing several rows."""


class SizedArray:
    """One size of the shard under construction: a writer, and the block of rows that is being filled."""

    def __init__(
        self,
        path: Path,
        *,
        side: int,
        format_: ArrayFormat,
        labels: NDArray[np.int64],
        ids: NDArray[np.uint64],
        stack: ExitStack,
        prefix: str = "",
    ) -> None:
        """Begin at `path`; `labels` and `ids` are those of all inputs, `stack` closes the file.

        The object's name will begin with `prefix` and the size.
        """
        self._path, self._format, self._prefix = path, format_, f"{prefix}{side}"
        self._labels, self._ids = labels, ids
        self._spec = ArraySpec(side, len(ids), format_.rows_per_chunk(side))
        # A worker that died at this shard may have left its half.
        remove(path)
        self._writer: ArrayWriter = stack.enter_context(format_.create(path, self._spec))
        self._block = np.empty((self._block_rows(), side, side, 3), np.uint8)
        self._filled = 0
        self._kept: list[int] = []
        self._crcs: list[int] = []

    @property
    def next_row(self) -> NDArray[np.uint8]:
        """The place of the next row in the block, `(side, side, 3)`; it counts once it is kept."""
        return self._block[self._filled]

    def keep_row(self, position: int) -> None:
        """Count the row that was written to `next_row` as the input at `position`."""
        self._kept.append(position)
        self._filled += 1
        if self._filled == len(self._block):
            self.flush()

    def flush(self) -> None:
        """Write the rows of the block, and remember the checksum of each chunk as it was meant."""
        if not self._filled:
            return
        block, kept = self._block[: self._filled], self._kept[-self._filled :]
        self._writer.append(block, self._labels[kept], self._ids[kept])
        self._crcs += [chunk_crc(block[chunk]) for chunk in chunk_ranges(self._filled, rows_per_crc(self._spec.side))]
        self._filled = 0

    def digest(self) -> str:
        """Return the BLAKE3 of the closed file or folder."""
        return object_digest(self._path)

    def published(self, folder: DatasetFolder) -> ShardArray:
        """Compare the closed file with what was meant, and move it to its final name."""
        self._verify()
        side = self._spec.side
        stored = store_object(folder, self._path, prefix=self._prefix, suffix=self._format.suffix)
        return ShardArray(side, stored, rows_per_crc(side), tuple(self._crcs))

    def _block_rows(self) -> int:
        """Return how many rows are written together: whole chunks, which no CRC straddles, and none written twice."""
        chunk = self._spec.rows_per_chunk
        return chunk * max(1, BLOCK_BYTES // (chunk * self._spec.row_bytes))

    def _verify(self) -> None:
        rows = self._format.open(self._path)
        try:
            same = len(rows) == len(self._kept) and list(_crcs_of(rows, self._spec)) == self._crcs
            same = same and np.array_equal(rows.labels, self._labels[self._kept])
            if not same or not np.array_equal(rows.ids, self._ids[self._kept]):
                raise not_as_written(self._path)
        finally:
            rows.close()


def _crcs_of(rows: ArrayRows, spec: ArraySpec) -> Iterator[int]:
    for chunk in chunk_ranges(len(rows), rows_per_crc(spec.side)):
        yield chunk_crc(rows[chunk])
