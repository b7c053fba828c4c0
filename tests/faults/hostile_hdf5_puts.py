"""What can stand in the place of an HDF5 dataset: it can point anywhere, claim any size, and hold more than numbers."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Put = Callable[[h5py.File, str, NDArray, Path], None]
"""Puts something in the place of one dataset: the file, the name, what should be there, and the folder of canaries."""

CHUNK = 85
"""Rows of 16 pixels in a chunk, as receipts state them."""


def put_plain(file: h5py.File, name: str, rows: NDArray, **options: Any) -> h5py.Dataset:
    """Store rows as the product does."""
    if name != "images":
        return file.create_dataset(name, data=rows, **options)
    chunks = (CHUNK, *rows.shape[1:])
    dataset = file.create_dataset(name, chunks, maxshape=chunks, chunks=chunks, dtype=rows.dtype, **options)
    dataset.resize(len(rows), axis=0)
    dataset[:] = rows
    return dataset


# ---- What points elsewhere


def is_an_external_link(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file[name] = h5py.ExternalLink(outside / "canary.h5", f"/{name}")


def is_an_external_link_upwards(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file[name] = h5py.ExternalLink("../../../outside/canary.h5", f"/{name}")


def is_an_external_link_to_a_pipe(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file[name] = h5py.ExternalLink(outside / "pipe", f"/{name}")


def is_a_soft_link(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    put_plain(file, f"other-{name}", rows)
    file[name] = h5py.SoftLink(f"/other-{name}")


def is_a_soft_link_to_an_external_one(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file["elsewhere"] = h5py.ExternalLink(outside / "canary.h5", "/")
    file[name] = h5py.SoftLink(f"/elsewhere/{name}")


def is_a_soft_link_to_itself(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file[name] = h5py.SoftLink(f"/{name}")


def lies_in_another_file(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_dataset(name, rows.shape, rows.dtype, external=[(outside / "canary.bin", 0, rows.nbytes)])


def is_joined_from_another_file(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    layout = h5py.VirtualLayout(rows.shape, rows.dtype)
    layout[:] = h5py.VirtualSource(outside / "canary.h5", name, rows.shape, rows.dtype)
    file.create_virtual_dataset(name, layout)


def is_joined_from_files_by_pattern(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    """Ask for files by a name with a number in it, as HDF5 allows where the rows have no end."""
    row = rows.shape[1:]
    space = h5py.h5s.create_simple((len(rows), *row), (h5py.h5s.UNLIMITED, *row))
    space.select_hyperslab((0,) * rows.ndim, (h5py.h5s.UNLIMITED, *(1,) * len(row)), block=(1, *row))
    one = h5py.h5s.create_simple((1, *row))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_virtual(space, f"{outside}/%b.h5".encode(), name.encode(), one)
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(rows.dtype), space, properties)


def is_joined_from_itself(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    layout = h5py.VirtualLayout(rows.shape, rows.dtype)
    layout[:] = h5py.VirtualSource(".", name, rows.shape, rows.dtype)
    file.create_virtual_dataset(name, layout)


POINTERS: tuple[Put, ...] = (
    is_an_external_link,
    is_an_external_link_upwards,
    is_an_external_link_to_a_pipe,
    is_a_soft_link,
    is_a_soft_link_to_an_external_one,
    is_a_soft_link_to_itself,
    lies_in_another_file,
    is_joined_from_another_file,
    is_joined_from_files_by_pattern,
    is_joined_from_itself,
)


# ---- What is no array of numbers


def is_missing(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    """Put nothing."""


def is_a_group(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_group(name)


def is_a_type(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file[name] = rows.dtype


def is_empty(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file[name] = h5py.Empty(rows.dtype)


def is_one_number(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file[name] = rows.flat[0]


def is_text(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_dataset(name, rows.shape, h5py.string_dtype())


def is_bytes_without_type(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_dataset(name, data=rows.view(f"V{rows.itemsize}"))


def is_of_many_lengths(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_dataset(name, rows.shape, h5py.vlen_dtype(rows.dtype))


def is_references(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_dataset(name, rows.shape, h5py.ref_dtype)


def is_a_table(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_dataset(name, rows.shape, np.dtype([("a", rows.dtype), ("b", h5py.string_dtype())]))


def is_fractions(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    put_plain(file, name, rows.astype(np.float64))


def is_the_other_way_round(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    put_plain(file, name, rows.astype(">i4"))


def is_choices(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_dataset(name, rows.shape, h5py.enum_dtype({"touch sentinel": 1}, basetype="i2"))


ODD_TYPES: tuple[Put, ...] = (
    is_missing,
    is_a_group,
    is_a_type,
    is_empty,
    is_one_number,
    is_text,
    is_bytes_without_type,
    is_of_many_lengths,
    is_references,
    is_a_table,
    is_fractions,
    is_the_other_way_round,
    is_choices,
)


# ---- What claims another size, or cannot be unpacked


def claims_a_trillion_rows(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    chunks = (CHUNK, *rows.shape[1:])
    file.create_dataset(name, (2**40, *rows.shape[1:]), rows.dtype, chunks=chunks, maxshape=(None, *rows.shape[1:]))


def claims_no_rows(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    row = rows.shape[1:]
    file.create_dataset(name, (0, *row), rows.dtype, chunks=(CHUNK, *row), maxshape=(CHUNK, *row))


def claims_wide_rows(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    """Claim as many rows as there are, 16 pixels high and without end in width."""
    shape = (len(rows), 16, 2**33, 3) if name == "images" else (len(rows), 2**33)
    chunks = (CHUNK, 16, 16, 3) if name == "images" else (1, 1)
    file.create_dataset(name, shape, rows.dtype, chunks=chunks, maxshape=(CHUNK, *shape[1:]))


def claims_many_colours(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    shape = (*rows.shape[:3], 2**33) if name == "images" else (2**33,)
    chunks = (CHUNK, 16, 16, 3) if name == "images" else (1,)
    file.create_dataset(name, shape, rows.dtype, chunks=chunks, maxshape=(None,) * len(shape))


def has_one_dimension_more(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    file.create_dataset(name, data=rows[..., None], chunks=True)


def needs_an_unknown_filter(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    shape = (CHUNK, *rows.shape[1:])
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk(shape)
    properties.set_filter(32999, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
    space = h5py.h5s.create_simple((len(rows), *rows.shape[1:]), shape)
    made = h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(rows.dtype), space, properties)
    # A mask of 0 says that every filter was applied, this one too.
    made.write_direct_chunk((0,) * rows.ndim, bytes(100), 0)


def is_a_bomb(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    """Store one chunk of a few pictures that unpacks to 2 GiB."""
    shape = (CHUNK, *rows.shape[1:])
    dataset = file.create_dataset(name, rows.shape, rows.dtype, chunks=shape, maxshape=shape, compression="gzip")
    dataset.id.write_direct_chunk((0,) * rows.ndim, packed_zeros(2 * 1024**3), 0)


def packed_zeros(count: int) -> bytes:
    """Return `count` zeros as zlib packs them (RFC 1950); packing one piece for all saves the time."""
    piece = 64 * 1024**2
    packer = zlib.compressobj(9)
    packed = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (count % 65521) << 16 | 1
    return packed[:2] + packed[2:] * (count // piece) + b"\x03\0" + checksum.to_bytes(4)


LIES: tuple[Put, ...] = (
    claims_a_trillion_rows,
    claims_no_rows,
    claims_wide_rows,
    claims_many_colours,
    has_one_dimension_more,
    needs_an_unknown_filter,
)


def compressed(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    """Pack the very rows: what unpacks to a thousand times its size cannot be told from it."""
    put_plain(file, name, rows, compression="gzip")


# ---- What is odd and does no harm


def beside(file: h5py.File, name: str, rows: NDArray, outside: Path) -> None:
    """Put much else into the file, and pointers to outside that nobody asked for."""
    dataset = put_plain(file, name, rows)
    dataset.attrs["pickle"] = np.void(b"cos\nsystem\n(S'touch sentinel'\ntR.")
    file["elsewhere"] = h5py.ExternalLink(outside / "canary.h5", "/")
    file["a/b/c/d"] = h5py.SoftLink("/a")
    file["a/circle"] = file["a"]
    file.attrs["DIMENSION_LIST"] = dataset.ref
