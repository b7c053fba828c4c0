"""Where rows for training come from: arrays in memory, published versions, or a part of either.

A source has one array or several, aligned by row: images with labels, or the good and the bad pictures of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from storage.read_ahead import ReusedMemory
from storage.reading import OpenVersion
from storage.sized_rows import SizedRows

Arrays = dict[str, NDArray[Any]]


class Source(Protocol):
    """Rows by number; may be read by several threads."""

    def __len__(self) -> int: ...

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        """Return the rows of these numbers, `(n,)`: of each array by name, `(n, h, w, 3)` uint8 where it has images."""
        ...


class MemoryRows:
    """Arrays in memory, `(rows, …)` each."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._length = _joint_length(arrays)
        self._arrays = dict(arrays)

    def __len__(self) -> int:
        return self._length

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        return {name: array[rows] for name, array in self._arrays.items()}


class StoredRows:
    """Rows of published versions: sizes of one, or of several that are aligned; `others` are in memory.

    For example `StoredRows({"images": version.rows(224)}, {"labels": version.labels})`.
    """

    def __init__(self, images: Mapping[str, SizedRows], others: Mapping[str, NDArray[Any]] | None = None) -> None:
        self._others = dict(others or {})
        self._length = _joint_length({**images, **self._others})
        self._images = dict(images)
        self._memory = {name: ReusedMemory() for name in images}

    def __len__(self) -> int:
        return self._length

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        found: Arrays = {name: array[rows] for name, array in self._others.items()}
        for name, stored in self._images.items():
            found[name] = self._memory[name].array((len(rows), *stored.shape[1:]))
            stored.read_into(rows, found[name])
        return found


class PickedRows:
    """Some rows of another source, `(n,)` of their numbers; here they are numbered from 0."""

    def __init__(self, source: Source, rows: NDArray[np.integer]) -> None:
        if rows.ndim != 1 or (rows.size and not 0 <= rows.min() <= rows.max() < len(source)):
            raise ValueError(f"rows to pick are numbers in 0..{len(source) - 1}, got {rows.dtype} {rows.shape}")
        self._source, self._rows = source, rows.astype(np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        return self._source.read(self._rows[rows])


def split_rows(version: OpenVersion, split: str) -> NDArray[np.int64]:
    """Return the numbers of the rows that belong to a split: "train", "valid" or "test".

    Raises:
        ValueError: the version has no row of it.
    """
    rows = np.flatnonzero(version.splits == split)
    if not rows.size:
        found = ", ".join(np.unique(version.splits).tolist())
        raise ValueError(f"version {version.version.number} has no row in the split {split!r}; it has: {found}")
    return rows


def _joint_length(arrays: Mapping[str, Sized]) -> int:
    lengths = {name: len(array) for name, array in arrays.items()}
    if not lengths or len(set(lengths.values())) != 1:
        raise ValueError(f"a source needs arrays of equal length, got {lengths}")
    return next(iter(lengths.values()))
