"""A shard as one HDF5 file: datasets `images`, `labels`, `ids`; chunked, uncompressed, the checksums in the receipt.

The same rows give the same bytes: no time stamps, and a fixed order of creation.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from storage.array_formats import MOST_CHUNK_BYTES, ArraySpec, require_shapes, rows_per_crc
from storage.errors import DamagedDataset
from storage.plain_files import require_file
from storage.plain_rows import PlainRows

_CHECKSUM_BYTES = 4
"""What HDF5's fletcher32 filter puts behind a chunk, where somebody else wrote the file."""


class Hdf5Writer:
    """Appends rows to an open HDF5 file made for `capacity` rows or one chunk."""

    def __init__(self, file: h5py.File, spec: ArraySpec) -> None:
        # HDF5 wants room for a whole chunk, even where fewer rows will come.
        shape = (max(spec.capacity, spec.rows_per_chunk), spec.side, spec.side, 3)
        self._images = file.create_dataset(
            "images",
            shape=shape,
            maxshape=shape,
            chunks=(spec.rows_per_chunk, *shape[1:]),
            dtype=np.uint8,
            track_times=False,
        )
        self._file, self._chunk = file, spec.rows_per_chunk
        self._labels: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        self._ids: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]
        self._rows = 0

    def append(self, images: NDArray[np.uint8], labels: NDArray[np.int64], ids: NDArray[np.uint64]) -> None:
        whole = len(images) - len(images) % self._chunk if self._rows % self._chunk == 0 else 0
        for first in range(0, whole, self._chunk):
            # Past HDF5's copying of what is selected, which costs half as much as the kernel's own.
            place = (self._rows + first, 0, 0, 0)
            self._images.id.write_direct_chunk(place, images[first : first + self._chunk])
        if whole < len(images):
            self._images[self._rows + whole : self._rows + len(images)] = images[whole:]
        self._labels.append(labels.copy())
        self._ids.append(ids.copy())
        self._rows += len(images)

    def finish(self) -> None:
        """Cut the file to the rows that came and store their labels and ids."""
        self._images.resize(self._rows, axis=0)
        for name, parts in (("labels", self._labels), ("ids", self._ids)):
            self._file.create_dataset(name, data=np.concatenate(parts), fletcher32=False, track_times=False)


class _ChunksOfFile:
    """Where the chunks of images lie in one HDF5 file."""

    def __init__(self, path: Path, offsets: list[int]) -> None:
        self._path, self._offsets = str(path), offsets

    def place(self, chunk: int) -> tuple[str, int]:
        offset = self._offsets[chunk]
        if offset < 0:
            raise DamagedDataset(f"{self._path}: chunk {chunk} of 'images' is missing", path=Path(self._path))
        return self._path, offset


class Hdf5Format:
    """HDF5 behind the seam of `storage.array_formats`."""

    name = "hdf5"
    suffix = ".h5"

    def rows_per_chunk(self, side: int) -> int:
        # A random row then costs one read and no more, also in programs that read whole chunks.
        return rows_per_crc(side)

    @contextmanager
    def create(self, path: Path, spec: ArraySpec) -> Iterator[Hdf5Writer]:
        # Made here, so that what another put at `path` is refused, and not removed by the clean-up below.
        path.touch(exist_ok=False)
        try:
            with _unbuffered(path) as file:
                writer = Hdf5Writer(file, spec)
                yield writer
                writer.finish()
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def open(self, path: Path) -> PlainRows:
        with _reading(path) as file:
            images = _plain_dataset(file, "images", np.dtype(np.uint8), dimensions=4)
            labels = _plain_dataset(file, "labels", np.dtype(np.int64), dimensions=1)
            ids = _plain_dataset(file, "ids", np.dtype(np.uint64), dimensions=1)
            require_shapes(path, images.shape, labels.shape, ids.shape)
            limits = images.maxshape or (0,)
            spec = ArraySpec(images.shape[1], int(limits[0] or 0), _rows_per_chunk(path, images))
            places = _ChunksOfFile(path, _offsets(path, images, spec))
            rows = len(images)
        return PlainRows(
            path,
            spec,
            rows,
            places,
            read_labels=lambda: _column(path, "labels", np.dtype(np.int64)),
            read_ids=lambda: _column(path, "ids", np.dtype(np.uint64)),
        )


@contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    """Open a file, and report what h5py raises on damaged metadata, which may be any of these, as damage."""
    try:
        require_file(path)
        with h5py.File(path, "r", rdcc_nbytes=0) as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise DamagedDataset(f"{path} is missing or is not a whole HDF5 file: {error}", path=path) from error


def _column(path: Path, name: str, dtype: np.dtype) -> NDArray:
    with _reading(path) as file:
        return _plain_dataset(file, name, dtype, dimensions=1)[:]


def _unbuffered(path: Path) -> h5py.File:
    """Open a new file of which HDF5 holds no rows back.

    From its cache of chunks it would lose them on a full disk, after it accepted them. From its sieve buffer, which
    h5py has no word for, it would write labels and ids when it closes them: there a failed write is a segfault.
    """
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_LATEST)
    metadata, slots, _, preemption = access.get_cache()
    access.set_cache(metadata, slots, 0, preemption)
    access.set_sieve_buf_size(0)
    return h5py.File(h5py.h5f.create(os.fsencode(path), fapl=access))


def _plain_dataset(file: h5py.File, name: str, dtype: np.dtype, *, dimensions: int) -> h5py.Dataset:
    """Return a dataset whose bytes lie in this very file: links and external storage could read any file."""
    is_hard = isinstance(file.get(name, getlink=True), h5py.HardLink)
    dataset = file[name] if is_hard else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external is not None:
        raise DamagedDataset(f"{file.filename}: {name!r} is not a plain dataset of this file")
    if dataset.dtype != dtype or dataset.ndim != dimensions or (dimensions == 4 and dataset.chunks is None):
        raise DamagedDataset(
            f"{file.filename}: {name!r} should be {dimensions}-dimensional {dtype}, "
            f"it is {dataset.ndim}-dimensional {dataset.dtype}"
        )
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(place)[0] for place in range(settings.get_nfilters())]
    if set(filters) - {h5py.h5z.FILTER_FLETCHER32}:
        # Some unpack a megabyte into a terabyte, and HDF5 loads the code of others when it meets them.
        raise DamagedDataset(f"{file.filename}: {name!r} has the filters {filters}, of which we write only checksums")
    return dataset


def _rows_per_chunk(path: Path, images: h5py.Dataset) -> int:
    """Return how many rows a chunk holds: whole ones, that take no more memory than rows of ours do."""
    rows, *pixels = images.chunks or (0,)
    if tuple(pixels) != images.shape[1:] or rows > max(1, MOST_CHUNK_BYTES // math.prod(pixels)):
        raise DamagedDataset(f"{path}: 'images' has chunks of {images.chunks}, which we do not write", path=path)
    return rows


def _offsets(path: Path, images: h5py.Dataset, spec: ArraySpec) -> list[int]:
    """Return where each chunk begins in the file, -1 for one that is missing."""
    offsets = [-1] * -(-len(images) // spec.rows_per_chunk)
    checksum = _CHECKSUM_BYTES if images.fletcher32 else 0
    expected, end = spec.rows_per_chunk * spec.row_bytes + checksum, path.stat().st_size

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        number = chunk.chunk_offset[0] // spec.rows_per_chunk
        if number >= len(offsets):
            # Room that was planned for rows which were refused.
            return
        if chunk.size != expected or chunk.byte_offset + expected > end:
            raise DamagedDataset(
                f"{path}: chunk {number} of 'images' should have {expected} bytes within the file's {end}, it has "
                f"{chunk.size} from {chunk.byte_offset} on",
                path=path,
            )
        offsets[number] = chunk.byte_offset

    images.id.chunk_iter(note)
    return offsets


FORMAT = Hdf5Format()
