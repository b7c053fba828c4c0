"""The in-memory twin of the array formats, for tests that want no disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import ArraySpec
from storage.errors import DamagedDataset


class MemoryRows:
    """Rows in lists of blocks; the writer and the reader of a path are the same object."""

    def __init__(self, spec: ArraySpec) -> None:
        self._spec = spec
        self._images = [np.empty((0, spec.side, spec.side, 3), np.uint8)]
        self._labels = [np.empty(0, np.int64)]
        self._ids = [np.empty(0, np.uint64)]

    def append(self, images: NDArray[np.uint8], labels: NDArray[np.int64], ids: NDArray[np.uint64]) -> None:
        self._images.append(images.copy())
        self._labels.append(labels.copy())
        self._ids.append(ids.copy())

    @property
    def spec(self) -> ArraySpec:
        return self._spec

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.concatenate(self._labels)

    @property
    def ids(self) -> NDArray[np.uint64]:
        return np.concatenate(self._ids)

    def __len__(self) -> int:
        return sum(map(len, self._images))

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        return np.concatenate(self._images)[rows]

    def read_into(self, first: int, out: NDArray[np.uint8]) -> None:
        out[:] = self[first : first + len(out)]

    def read_each(self, rows: Sequence[int], parts: Sequence[memoryview]) -> None:
        for row, part in zip(rows, parts, strict=True):
            part[:] = self[row : row + 1].tobytes()

    def close(self) -> None:
        """Nothing is held open."""


class MemoryFormat:
    """A format whose objects live as long as this instance."""

    name = "memory"
    suffix = ".memory"

    def __init__(self) -> None:
        self._objects: dict[Path, MemoryRows] = {}

    def rows_per_chunk(self, side: int) -> int:
        return 1

    @contextmanager
    def create(self, path: Path, spec: ArraySpec) -> Iterator[MemoryRows]:
        if path in self._objects:
            raise FileExistsError(f"{path} exists")
        rows = MemoryRows(spec)
        yield rows
        self._objects[path] = rows

    def open(self, path: Path) -> MemoryRows:
        if path not in self._objects:
            raise DamagedDataset(f"{path} is missing")
        return self._objects[path]
