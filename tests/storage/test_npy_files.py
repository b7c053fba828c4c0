"""Files of numpy's own format: numpy reads what we write, and we map nothing that differs from it in one byte."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.errors import DamagedDataset
from storage.npy_files import HEADER_BYTES, NpyWriter, mapped_file, mapped_npy

ARRAYS: dict[str, tuple[str, NDArray[Any]]] = {
    "a table": ("<f4", np.arange(12, dtype="<f4").reshape(4, 3)),
    "a row of numbers": ("<u8", np.arange(5, dtype="<u8")),
    "nothing": ("<u8", np.empty(0, "<u8")),
    "a table without rows": ("<f4", np.empty((0, 300), "<f4")),
}


def written(path: Path, dtype: str, array: NDArray[Any]) -> Path:
    writer = NpyWriter(path, dtype, array.shape[1:])
    for row in array:
        writer.append(row[None])
    writer.finish()
    return path


@pytest.mark.parametrize("name", ARRAYS)
def test_the_file_is_the_one_that_numpy_writes_and_comes_back(name: str, tmp_path: Path):
    dtype, array = ARRAYS[name]
    path = written(tmp_path / "ours.npy", dtype, array)
    np.save(tmp_path / "theirs.npy", array)
    assert path.read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    mapped = mapped_npy(path, dtype, array.ndim)
    assert (mapped.dtype, mapped.shape, mapped.flags.writeable) == (np.dtype(dtype), array.shape, False)
    np.testing.assert_array_equal(mapped, array)


def test_rows_of_another_shape_are_refused_and_other_numbers_converted(tmp_path: Path):
    writer = NpyWriter(tmp_path / "a.npy", "<f4", (3,))
    with pytest.raises(ValueError, match=r"takes rows of shape \(3,\), got \(4,\)"):
        writer.append(np.zeros((1, 4)))
    writer.append(np.ones((2, 3), ">f8")[:, ::-1])
    writer.finish()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.ones((2, 3)))


def test_a_file_whose_writer_did_not_finish_is_damaged(tmp_path: Path):
    writer = NpyWriter(tmp_path / "a.npy", "<u8")
    writer.append(np.arange(3))
    writer.close()
    with pytest.raises(DamagedDataset, match=r"has 152 bytes, and an array of \(0,\) takes 128"):
        mapped_npy(tmp_path / "a.npy", "<u8", 1)


def test_wherever_a_file_is_cut_off_it_is_not_mapped(tmp_path: Path):
    path = written(tmp_path / "a.npy", *ARRAYS["a table"])
    for size in reversed(range(path.stat().st_size)):
        os.truncate(path, size)
        with pytest.raises(DamagedDataset, match=r"a\.npy has"):
            mapped_npy(path, "<f4", 2)


def test_any_other_byte_in_the_header_is_damage(tmp_path: Path):
    path = written(tmp_path / "a.npy", *ARRAYS["a table"])
    sound = path.read_bytes()
    for place in range(HEADER_BYTES):
        for bit in (0, 3, 7):
            spoilt = bytearray(sound)
            spoilt[place] ^= 1 << bit
            path.write_bytes(spoilt)
            with pytest.raises(DamagedDataset):
                mapped_npy(path, "<f4", 2)


@pytest.mark.parametrize(("dtype", "dimensions"), [("<f8", 2), ("<f4", 1), ("<f4", 3)])
def test_another_kind_of_array_is_damage(dtype: str, dimensions: int, tmp_path: Path):
    path = written(tmp_path / "a.npy", *ARRAYS["a table"])
    with pytest.raises(DamagedDataset, match=f"not that of an array of {dtype} with {dimensions} dimensions"):
        mapped_npy(path, dtype, dimensions)


def test_what_is_missing_or_no_file_is_damage_and_an_empty_file_is_empty(tmp_path: Path):
    with pytest.raises(DamagedDataset, match="a is missing"):
        mapped_file(tmp_path / "a")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(DamagedDataset, match="b is a symbolic link"):
        mapped_file(tmp_path / "b")
    (tmp_path / "c").touch()
    assert mapped_file(tmp_path / "c") == b""
