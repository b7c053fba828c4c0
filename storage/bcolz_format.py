"""A shard as a folder of three bcolz arrays: `images`, `labels`, `ids`; uncompressed, numeric only.

bcolz has no checksum and unpickles arrays of objects when they are indexed, so the metadata is checked
before bcolz sees the folder, and the receipt's CRC of each chunk stands in for the checksum.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcolz
import msgspec
import numpy as np
from numpy.typing import NDArray

from storage.array_formats import ArraySpec
from storage.errors import DamagedDataset

CHUNK_BYTES = 4 * 1024 * 1024
"""bcolz keeps each chunk in a file of its own: small chunks would make millions of files."""

# Compression of photo pixels saves a tenth of the space and costs ten times the reading.
UNCOMPRESSED = bcolz.cparams(clevel=0, shuffle=0, cname="lz4", quantize=0)
DTYPES = {"images": np.dtype(np.uint8), "labels": np.dtype(np.int64), "ids": np.dtype(np.uint64)}


class _StorageMeta(msgspec.Struct):
    dtype: str


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


class BcolzRows:
    """The rows of one bcolz shard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrays = {name: _numeric_array(folder / name, dtype) for name, dtype in DTYPES.items()}
        images = self._arrays["images"]
        if images.ndim != 4:
            raise DamagedDataset(f"{folder}: 'images' should be 4-dimensional, it is {images.ndim}-dimensional")

    @property
    def spec(self) -> ArraySpec:
        images = self._arrays["images"]
        return ArraySpec(images.shape[1], images.expectedlen, images.chunklen)

    @property
    def labels(self) -> NDArray[np.int64]:
        return self._arrays["labels"][:]

    @property
    def ids(self) -> NDArray[np.uint64]:
        return self._arrays["ids"][:]

    def __len__(self) -> int:
        return len(self._arrays["images"])

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        try:
            return self._arrays["images"][rows]
        except (OSError, RuntimeError, ValueError) as error:
            raise DamagedDataset(f"{self._folder}: rows {rows.start}:{rows.stop}: {error}") from error

    def close(self) -> None:
        self._arrays.clear()


class BcolzFormat:
    """bcolz behind the seam of `storage.array_formats`."""

    name = "bcolz"
    suffix = ".bcolz"

    def rows_per_chunk(self, side: int) -> int:
        return max(1, CHUNK_BYTES // (side * side * 3))

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

    def open(self, path: Path) -> BcolzRows:
        return BcolzRows(path)


def _numeric_array(folder: Path, dtype: np.dtype) -> bcolz.carray:
    try:
        meta = msgspec.json.decode((folder / "meta" / "storage").read_bytes(), type=_StorageMeta)
        if meta.dtype != dtype.name:
            raise DamagedDataset(f"{folder} should hold {dtype.name}, its metadata says {meta.dtype!r}")
        return bcolz.carray(rootdir=str(folder), mode="r")
    except (OSError, RuntimeError, ValueError, KeyError, msgspec.MsgspecError) as error:
        raise DamagedDataset(f"{folder} is missing or is not a whole bcolz array: {error}") from error


FORMAT = BcolzFormat()
