"""Arrays in files of numpy's own format, `.npy`: written block by block, mapped only if every byte is accounted for.

numpy alone reads them too. Its own way of opening them believes their header; here the header has to be, to the byte,
the one that was written, and the size of the file that which the header tells of.
"""

from __future__ import annotations

import math
import mmap
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.errors import DamagedDataset
from storage.plain_files import open_plain

HEADER_BYTES = 128
_MAGIC = b"\x93NUMPY\x01\x00"
_SHAPE = re.compile(rb"'shape': \(([0-9]+(?:, [0-9]+)*),?\)")


def npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return what stands before an array in C order, as `numpy.save` writes it; `dtype` such as `<f4`."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    head = _MAGIC + (HEADER_BYTES - len(_MAGIC) - 2).to_bytes(2, "little") + text.encode()
    return head.ljust(HEADER_BYTES - 1) + b"\n"


class NpyWriter:
    """Appends rows to a new `.npy` file; how many there are is put into its header at the end."""

    def __init__(self, path: Path, dtype: str, row_shape: tuple[int, ...] = ()) -> None:
        self._file = open(path, "xb")  # noqa: SIM115 (whoever has the writer closes it)
        self._dtype, self._row_shape = dtype, row_shape
        self._rows = 0
        self._file.write(npy_header(dtype, (0, *row_shape)))

    def append(self, rows: NDArray[Any]) -> None:
        """Write `(n, *row_shape)` numbers, converted to the type of the file."""
        if rows.shape[1:] != self._row_shape:
            raise ValueError(f"{self._file.name} takes rows of shape {self._row_shape}, got {rows.shape[1:]}")
        if rows.size:
            self._file.write(np.ascontiguousarray(rows, self._dtype).reshape(-1).view(np.uint8).data)
        self._rows += len(rows)

    def finish(self) -> None:
        """Put the right header in front. Without it the file reads as one that is damaged."""
        self._file.seek(0)
        self._file.write(npy_header(self._dtype, (self._rows, *self._row_shape)))
        self.close()

    def close(self) -> None:
        self._file.close()


def mapped_npy(path: Path, dtype: str, dimensions: int) -> NDArray[Any]:
    """Return the array of a file as a read-only memory map, having looked at its header and its size only.

    Raises:
        DamagedDataset: it is missing, no plain file, holds another type, has not `dimensions` axes, or its size is
            not that of its array.
    """
    content = mapped_file(path)
    header = bytes(content[:HEADER_BYTES])
    found = _SHAPE.search(header)
    shape = tuple(map(int, found[1].split(b", "))) if found else ()
    if len(shape) != dimensions or header != npy_header(dtype, shape):
        wanted = f"that of an array of {dtype} with {dimensions} dimensions"
        raise DamagedDataset(f"{path} has the header {header!r}, not {wanted}", path=path, need=wanted)
    need = HEADER_BYTES + math.prod(shape) * np.dtype(dtype).itemsize
    if len(content) != need:
        raise DamagedDataset(
            f"{path} has {len(content)} bytes, and an array of {shape} takes {need}",
            path=path,
            need=need,
            have=len(content),
        )
    return np.ndarray(shape, dtype, content, HEADER_BYTES)


def mapped_file(path: Path) -> mmap.mmap | bytes:
    """Return the content of a plain file as a read-only memory map; nothing can be mapped of an empty one.

    Raises:
        DamagedDataset: it is missing, or no plain file.
    """
    try:
        descriptor = open_plain(path)
    except FileNotFoundError as error:
        raise DamagedDataset(f"{path} is missing", path=path) from error
    try:
        size = os.fstat(descriptor).st_size
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) if size else b""
    finally:
        os.close(descriptor)
