"""The seam between shards and array files: `create` gives a writer, `open` gives rows. One backend per file.

A backend is a module `storage/<name>_format.py` with a constant `FORMAT`; putting one there is all it takes.
Every backend must pass tests/storage/test_array_formats.py.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedDataset

SUFFIX = "_format"

MOST_CHUNK_BYTES = 64 * 1024 * 1024
"""A larger chunk of more than one row is none of ours; libraries take the memory of a whole one to read a part."""


_CRC_BYTES = 64 * 1024


def rows_per_crc(side: int) -> int:
    """Return how many rows of `side` pixels one CRC-32C covers: few, as all are read where one of them is checked."""
    return max(1, _CRC_BYTES // (side * side * 3))


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """The shape of one shard at one size: at most `capacity` rows of `(side, side, 3)` uint8 RGB.

    Read back, `capacity` may be that of a whole chunk where less was asked for.
    """

    side: int
    capacity: int
    rows_per_chunk: int

    @property
    def row_bytes(self) -> int:
        return self.side * self.side * 3


class ArrayWriter(Protocol):
    """Takes the rows of one shard in order."""

    def append(self, images: NDArray[np.uint8], labels: NDArray[np.int64], ids: NDArray[np.uint64]) -> None:
        """Append n rows: `(n, side, side, 3)` uint8, `(n,)` int64, `(n,)` uint64."""
        ...


class ArrayRows(Protocol):
    """The rows of one shard at one size, open for reading."""

    @property
    def spec(self) -> ArraySpec: ...

    @property
    def labels(self) -> NDArray[np.int64]: ...

    @property
    def ids(self) -> NDArray[np.uint64]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        """Return consecutive rows, `(n, side, side, 3)`; the slice has no step."""
        ...

    def read_into(self, first: int, out: NDArray[np.uint8]) -> None:
        """Fill `out`, `(n, side, side, 3)` and contiguous, with the rows from `first` on.

        Raises:
            DamagedDataset: they are not all there.
        """
        ...

    def read_each(self, rows: Sequence[int], parts: Sequence[memoryview]) -> None:
        """Put each of these rows, at least one, into its part, as bytes.

        Raises:
            DamagedDataset: they are not all there.
        """
        ...

    def close(self) -> None: ...


class ArrayFormat(Protocol):
    """One way to keep a shard on disk."""

    @property
    def name(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    def rows_per_chunk(self, side: int) -> int:
        """Return how many rows of `side` pixels make a chunk that is quick to read at random."""
        ...

    def create(self, path: Path, spec: ArraySpec) -> AbstractContextManager[ArrayWriter]:
        """Write a new object at `path`; it is whole when the block ends, and gone when the block raises.

        Raises:
            FileExistsError: something is there already; it is left alone.
        """
        ...

    def open(self, path: Path) -> ArrayRows:
        """Open an object.

        Raises:
            DamagedDataset: it is missing, malformed, or holds what no writer of ours puts there.
        """
        ...


@cache
def known_formats() -> tuple[str, ...]:
    """Return the names of the backends, sorted."""
    import storage

    found = (module.name for module in pkgutil.iter_modules(storage.__path__))
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)))


def array_format(name: str) -> ArrayFormat:
    """Return the backend called `name`; its library is imported only now."""
    if name not in known_formats():
        raise ValueError(f"unknown array format {name!r}; known: {', '.join(known_formats())}")
    return import_module(f"storage.{name}{SUFFIX}").FORMAT


def require_shapes(path: Path, images: tuple[int, ...], labels: tuple[int, ...], ids: tuple[int, ...]) -> None:
    """Check what an array says of itself, before memory is taken for what it claims to hold.

    Raises:
        DamagedDataset: it is not a row of `(side, side, 3)` for each label and each id.
    """
    rows, side, width, channels = images
    if side != width or side < 1 or channels != 3 or labels != (rows,) or ids != (rows,):
        raise DamagedDataset(
            f"{path} should hold square RGB images with a label and an id for each, its images are {images}, its "
            f"labels {labels}, its ids {ids}",
            path=path,
        )


def chunk_ranges(length: int, rows_per_chunk: int) -> Iterator[slice]:
    """Yield the slice of rows of each chunk; the last may be shorter."""
    for start in range(0, length, rows_per_chunk):
        yield slice(start, min(start + rows_per_chunk, length))
