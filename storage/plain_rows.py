"""Rows that lie in files as they are, chunk by chunk: read by the kernel into their place, with no library between.

A library's call costs several times what copying a row does, and holds the lock of the interpreter meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import ArraySpec
from storage.open_files import ROW_FILES


class ChunkPlaces(Protocol):
    """Says where each chunk of rows begins."""

    def place(self, chunk: int) -> tuple[str, int]:
        """Return the file of a chunk and the offset of its first row there.

        Raises:
            DamagedDataset: it is missing, or is not stored as it is.
        """
        ...


class PlainRows:
    """The rows of one shard at one size; may be read by several threads at once."""

    def __init__(
        self,
        path: Path,
        spec: ArraySpec,
        rows: int,
        places: ChunkPlaces,
        *,
        read_labels: Callable[[], NDArray[np.int64]],
        read_ids: Callable[[], NDArray[np.uint64]],
    ) -> None:
        self._path, self._spec, self._rows, self._places = path, spec, rows, places
        self._read_labels, self._read_ids = read_labels, read_ids
        self._row_bytes, self._rows_per_chunk = spec.row_bytes, spec.rows_per_chunk

    @property
    def spec(self) -> ArraySpec:
        return self._spec

    @property
    def labels(self) -> NDArray[np.int64]:
        return self._read_labels()

    @property
    def ids(self) -> NDArray[np.uint64]:
        return self._read_ids()

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        start, stop, _ = rows.indices(self._rows)
        out = np.empty((max(0, stop - start), self._spec.side, self._spec.side, 3), np.uint8)
        self.read_into(start, out)
        return out

    def read_into(self, first: int, out: NDArray[np.uint8]) -> None:
        """Fill `out`, `(n, side, side, 3)` and contiguous, with the rows from `first` on."""
        done, wanted = 0, len(out)
        while done < wanted:
            chunk, skipped = divmod(first + done, self._rows_per_chunk)
            count = min(wanted - done, self._rows_per_chunk - skipped)
            path, offset = self._places.place(chunk)
            part = out[done : done + count].reshape(-1).data
            ROW_FILES.read_into(path, offset + skipped * self._row_bytes, part)
            done += count

    def read_each(self, rows: Sequence[int], parts: Sequence[memoryview]) -> None:
        row_bytes, per_chunk = self._row_bytes, self._rows_per_chunk
        found = [self._places.place(row // per_chunk) for row in rows]
        offsets = [start + row % per_chunk * row_bytes for (_, start), row in zip(found, rows, strict=True)]
        path = found[0][0]
        if all(other == path for other, _ in found):
            return ROW_FILES.read_each(path, offsets, parts)
        for (path, _), offset, part in zip(found, offsets, parts, strict=True):
            ROW_FILES.read_into(path, offset, part)

    def close(self) -> None:
        """Let the files go that it is read from."""
        ROW_FILES.forget(str(self._path))
