"""A shard as a folder of three bcolz arrays: `images`, `labels`, `ids`; uncompressed, numeric only.

bcolz has no checksum and unpickles arrays of objects when they are indexed, so the metadata is checked
before bcolz sees the folder, and the receipt's CRC of each chunk stands in for the checksum.
"""

from __future__ import annotations

import math
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcolz
import msgspec
import numpy as np
from numpy.typing import NDArray

from storage.array_formats import MOST_CHUNK_BYTES, ArraySpec, require_shapes, rows_per_crc
from storage.errors import DamagedDataset
from storage.json_text import NotDecoded, decoded
from storage.plain_files import open_file, read_file, require_file, require_folder, strays_below
from storage.plain_rows import PlainRows

CHUNK_BYTES = 4 * 1024 * 1024
"""bcolz keeps each chunk in a file of its own: small chunks would make millions of files."""

# Compression of photo pixels saves a tenth of the space and costs ten times the reading.
UNCOMPRESSED = bcolz.cparams(clevel=0, shuffle=0, cname="lz4", quantize=0)
UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What bcolz raises on metadata and chunks that are not what it wrote."""
DTYPES = {"images": np.dtype(np.uint8), "labels": np.dtype(np.int64), "ids": np.dtype(np.uint64)}


BLOSC_HEADER = struct.Struct("<16x BBBB III")
"""What stands in front of each chunk: 16 bytes of bloscpack, then Blosc's versions, flags, item size, and the
bytes of content, block and chunk."""
COPIED, SHUFFLED = 0x02, 0x05
"""Blosc's flags of a chunk that is stored as it is, and of those whose bytes or bits changed places."""


class _StorageMeta(msgspec.Struct):
    dtype: str
    chunklen: int
    expectedlen: int


class _SizesMeta(msgspec.Struct):
    shape: tuple[int, ...]


class BcolzWriter:
    """Appends rows to three open bcolz arrays."""

    def __init__(self, folder: Path, spec: ArraySpec) -> None:
        shapes = {"images": (0, spec.side, spec.side, 3), "labels": (0,), "ids": (0,)}
        self._arrays = {
            name: bcolz.carray(
                np.empty(shape, DTYPES[name]),
                rootdir=str(folder / name),
                mode="w",
                cparams=UNCOMPRESSED,
                expectedlen=spec.capacity,
                # A chunk must not be empty, even where the shard is.
                chunklen=spec.rows_per_chunk if name == "images" else max(1, spec.capacity),
            )
            for name, shape in shapes.items()
        }

    def append(self, images: NDArray[np.uint8], labels: NDArray[np.int64], ids: NDArray[np.uint64]) -> None:
        for name, block in (("images", images), ("labels", labels), ("ids", ids)):
            self._arrays[name].append(block)

    def finish(self) -> None:
        """Write the last, partly filled chunks."""
        for array in self._arrays.values():
            array.flush()


class _NumericArray:
    """One bcolz array of numbers. What it says of itself is checked before bcolz, written in C, relies on it."""

    def __init__(self, folder: Path, dtype: np.dtype, *, dimensions: int) -> None:
        self._folder, self._dtype = folder, dtype
        try:
            meta = decoded(read_file(folder / "meta" / "storage"), _StorageMeta)
            self.shape = decoded(read_file(folder / "meta" / "sizes"), _SizesMeta).shape
        except (OSError, NotDecoded) as error:
            raise DamagedDataset(f"{folder} is missing or is not a whole bcolz array: {error}", path=folder) from error
        self.capacity, self.rows_per_chunk = meta.expectedlen, meta.chunklen
        row_bytes = math.prod(self.shape[1:]) * dtype.itemsize
        # bcolz takes the memory of a whole chunk, however few rows there are.
        is_chunked = 1 <= self.rows_per_chunk <= max(1, MOST_CHUNK_BYTES // max(1, row_bytes))
        if meta.dtype != dtype.name or len(self.shape) != dimensions or min(self.shape) < 0 or not is_chunked:
            raise DamagedDataset(
                f"{folder} should hold {dimensions}-dimensional {dtype.name}, its metadata says "
                f"{self.shape} {meta.dtype!r:.100} in chunks of {self.rows_per_chunk}",
                path=folder,
            )
        self._sound: dict[int, str] = {}

    def place(self, chunk: int) -> tuple[str, int]:
        """Return the file of a chunk and where its rows begin there, once what stands in front of them is checked."""
        if chunk not in self._sound:
            path = self._folder / "data" / f"__{chunk}.blp"
            try:
                self._check_chunk(path, chunk)
            except FileNotFoundError as error:
                raise DamagedDataset(f"{path} is missing", path=path) from error
            self._sound[chunk] = str(path)
        return self._sound[chunk], BLOSC_HEADER.size

    def values(self) -> NDArray:
        """Return all values, read by bcolz."""
        try:
            for chunk in range(-(-self.shape[0] // self.rows_per_chunk)):
                self.place(chunk)
            return bcolz.carray(rootdir=str(self._folder), mode="r")[:]
        except UNREADABLE as error:
            raise DamagedDataset(f"{self._folder} is not a whole bcolz array: {error}", path=self._folder) from error

    def _check_chunk(self, path: Path, chunk: int) -> None:
        """Check that a chunk is as long as it should be, and stored as it is."""
        rows = min(self.shape[0] - chunk * self.rows_per_chunk, self.rows_per_chunk)
        content = rows * math.prod(self.shape[1:]) * self._dtype.itemsize
        with open_file(path) as file:
            _, _, flags, item, found, _, whole = BLOSC_HEADER.unpack(file.read(BLOSC_HEADER.size).ljust(32))
            size = os.fstat(file.fileno()).st_size
        expected = (COPIED, self._dtype.itemsize, content, content + 16, content + 32)
        if (flags & (COPIED | SHUFFLED), item, found, whole, size) != expected:
            raise DamagedDataset(
                f"{path} should hold {content} bytes as they are, in a file of {content + 32}; its header says "
                f"{found} bytes, the file has {size}",
                path=path,
            )


class BcolzFormat:
    """bcolz behind the seam of `storage.array_formats`."""

    name = "bcolz"
    suffix = ".bcolz"

    def rows_per_chunk(self, side: int) -> int:
        together = rows_per_crc(side)
        return together * max(1, CHUNK_BYTES // (together * side * side * 3))

    @contextmanager
    def create(self, path: Path, spec: ArraySpec) -> Iterator[BcolzWriter]:
        path.mkdir()
        try:
            writer = BcolzWriter(path, spec)
            yield writer
            writer.finish()
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    def open(self, path: Path) -> PlainRows:
        _require_plain_folder(path)
        images = _NumericArray(path / "images", DTYPES["images"], dimensions=4)
        labels = _NumericArray(path / "labels", DTYPES["labels"], dimensions=1)
        ids = _NumericArray(path / "ids", DTYPES["ids"], dimensions=1)
        require_shapes(path, images.shape, labels.shape, ids.shape)
        spec = ArraySpec(images.shape[1], images.capacity, images.rows_per_chunk)
        return PlainRows(path, spec, images.shape[0], images, read_labels=labels.values, read_ids=ids.values)


def _require_plain_folder(path: Path) -> None:
    """bcolz follows every link, and waits at every pipe."""
    try:
        require_folder(path)
        for stray in strays_below(path):
            require_file(stray)
    except OSError as error:
        raise DamagedDataset(f"{path} is missing or is not a whole bcolz array: {error}", path=path) from error


FORMAT = BcolzFormat()
