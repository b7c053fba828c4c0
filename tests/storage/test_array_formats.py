"""What every array format promises, written once; then what only files on a disk can promise."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import bcolz
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.array_formats import ArrayFormat, ArraySpec, array_format, chunk_ranges, known_formats
from storage.digests import object_digest
from storage.errors import DamagedDataset
from storage.memory_arrays import MemoryFormat

SPEC = ArraySpec(side=4, capacity=8, rows_per_chunk=2)
ON_DISK = ("bcolz", "hdf5")

Rows = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64]]


@pytest.fixture(params=[*ON_DISK, "memory"])
def fmt(request: pytest.FixtureRequest) -> ArrayFormat:
    return MemoryFormat() if request.param == "memory" else array_format(request.param)


@pytest.fixture(params=ON_DISK)
def disk_fmt(request: pytest.FixtureRequest) -> ArrayFormat:
    return array_format(request.param)


def block(rows: int, side: int = 4, seed: int = 0) -> Rows:
    random = np.random.default_rng([seed, rows, side])
    images = random.integers(0, 256, (rows, side, side, 3), dtype=np.uint8)
    return images, random.integers(-1, 1000, rows), random.integers(0, 2**64, rows, dtype=np.uint64)


def written(fmt: ArrayFormat, path: Path, rows: Rows, *, spec: ArraySpec = SPEC, blocks: list[int] | None = None):
    images, labels, ids = rows
    with fmt.create(path, spec) as writer:
        first = 0
        for count in blocks or [len(images)]:
            mine = slice(first, first + count)
            writer.append(images[mine], labels[mine], ids[mine])
            first += count
    return path


# ---- Every format


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(st.integers(0, 5), max_size=6),
    side=st.integers(1, 6),
    rows_per_chunk=st.integers(1, 7),
    spare=st.integers(0, 9),
)
def test_rows_come_back_however_they_were_cut_into_blocks_and_chunks(
    fmt: ArrayFormat, fresh: Callable[[], Path], blocks: list[int], side: int, rows_per_chunk: int, spare: int
):
    images, labels, ids = block(sum(blocks), side)
    spec = ArraySpec(side, len(images) + spare, rows_per_chunk)
    rows = fmt.open(written(fmt, fresh() / "a", (images, labels, ids), spec=spec, blocks=blocks))
    assert len(rows) == len(images)
    assert (rows.spec.side, rows.spec.rows_per_chunk) == (side, rows_per_chunk)
    assert rows.spec.capacity >= spec.capacity
    np.testing.assert_array_equal(rows[:], images)
    for chunk in chunk_ranges(len(images), rows_per_chunk):
        np.testing.assert_array_equal(rows[chunk], images[chunk])
    np.testing.assert_array_equal(rows.labels, labels)
    np.testing.assert_array_equal(rows.ids, ids)
    assert (rows[:].dtype, rows.labels.dtype, rows.ids.dtype) == (np.uint8, np.int64, np.uint64)
    rows.close()


@pytest.mark.parametrize(
    "rows", [slice(0, 7), slice(None), slice(2, 3), slice(1, 6), slice(6, 100), slice(5, 2), slice(-3, None)], ids=str
)
def test_a_slice_means_what_it_means_in_numpy(fmt: ArrayFormat, tmp_path: Path, rows: slice):
    images, labels, ids = block(7)
    opened = fmt.open(written(fmt, tmp_path / "a", (images, labels, ids)))
    np.testing.assert_array_equal(opened[rows], images[rows])
    opened.close()


def test_a_shard_of_one_colour_comes_back(fmt: ArrayFormat, tmp_path: Path):
    black = np.zeros((5, 4, 4, 3), np.uint8), np.zeros(5, np.int64), np.zeros(5, np.uint64)
    rows = fmt.open(written(fmt, tmp_path / "a", black))
    np.testing.assert_array_equal(rows[0:5], black[0])
    rows.close()


def test_a_shard_of_fewer_rows_than_a_chunk_comes_back(fmt: ArrayFormat, tmp_path: Path):
    rows = block(2)
    opened = fmt.open(written(fmt, tmp_path / "a", rows, spec=ArraySpec(4, 2, fmt.rows_per_chunk(4) + 100)))
    np.testing.assert_array_equal(opened[0:2], rows[0])
    opened.close()


def test_a_writer_keeps_nothing_of_the_block_that_it_was_given(fmt: ArrayFormat, tmp_path: Path):
    images, labels, ids = block(2)
    expected = images.copy(), labels.copy(), ids.copy()
    with fmt.create(tmp_path / "a", SPEC) as writer:
        writer.append(images, labels, ids)
        images[:], labels[:], ids[:] = 0, 0, 0
    rows = fmt.open(tmp_path / "a")
    np.testing.assert_array_equal(rows[0:2], expected[0])
    np.testing.assert_array_equal(rows.labels, expected[1])
    np.testing.assert_array_equal(rows.ids, expected[2])
    rows.close()


def test_failed_write_leaves_nothing_behind(fmt: ArrayFormat, tmp_path: Path):
    def write() -> None:
        with fmt.create(tmp_path / "a", SPEC) as writer:
            writer.append(*block(2))
            raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        write()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DamagedDataset):
        fmt.open(tmp_path / "a")


def test_a_second_writer_of_the_same_path_is_refused_and_the_first_object_stays(fmt: ArrayFormat, tmp_path: Path):
    rows = block(3)
    path = written(fmt, tmp_path / "a", rows)
    with pytest.raises(FileExistsError), fmt.create(path, SPEC):
        pass
    opened = fmt.open(path)
    np.testing.assert_array_equal(opened[0:3], rows[0])
    opened.close()


def test_a_missing_object_is_damage_that_names_the_path(fmt: ArrayFormat, tmp_path: Path):
    with pytest.raises(DamagedDataset, match=r"nothing-here.* is missing"):
        fmt.open(tmp_path / "nothing-here")


@pytest.mark.parametrize("side", [1, 72, 224, 5000])
def test_a_chunk_has_at_least_one_row_at_any_size(fmt: ArrayFormat, side: int):
    assert fmt.rows_per_chunk(side) >= 1


# ---- Files on a disk


def test_the_same_rows_written_twice_give_the_same_bytes(disk_fmt: ArrayFormat, tmp_path: Path):
    one = written(disk_fmt, tmp_path / "one", block(7), blocks=[2, 2, 3])
    time.sleep(1.1)  # a time stamp in the file would count seconds
    other = written(disk_fmt, tmp_path / "other", block(7), blocks=[2, 2, 3])
    assert object_digest(one) == object_digest(other)
    third = written(disk_fmt, tmp_path / "third", block(7, seed=1), blocks=[2, 2, 3])
    assert object_digest(one) != object_digest(third)


def test_h5py_alone_reads_the_rows(tmp_path: Path):
    images, labels, ids = block(7)
    path = written(array_format("hdf5"), tmp_path / "a", (images, labels, ids))
    with h5py.File(path) as file:
        np.testing.assert_array_equal(np.asarray(file["images"]), images)
        np.testing.assert_array_equal(np.asarray(file["labels"]), labels)
        np.testing.assert_array_equal(np.asarray(file["ids"]), ids)


def test_bcolz_alone_reads_the_rows(tmp_path: Path):
    images, labels, ids = block(7)
    path = written(array_format("bcolz"), tmp_path / "a", (images, labels, ids))
    for name, expected in (("images", images), ("labels", labels), ("ids", ids)):
        np.testing.assert_array_equal(bcolz.open(str(path / name), mode="r")[:], expected)


def test_a_file_with_checksums_of_hdf5_itself_is_read_too(tmp_path: Path):
    images, labels, ids = block(7)
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("images", data=images, chunks=(2, 4, 4, 3), fletcher32=True)
        file["labels"], file["ids"] = labels, ids
    rows = array_format("hdf5").open(tmp_path / "a")
    np.testing.assert_array_equal(rows[1:6], images[1:6])
    np.testing.assert_array_equal(rows.ids, ids)
    rows.close()


def test_the_places_of_hdf5_rows_are_where_its_own_library_finds_them(tmp_path: Path):
    images, labels, ids = block(7)
    path = written(array_format("hdf5"), tmp_path / "a", (images, labels, ids))
    content, rows = path.read_bytes(), array_format("hdf5").open(path)
    for row in range(7):
        out = np.empty((1, 4, 4, 3), np.uint8)
        rows.read_into(row, out)
        assert out.tobytes() in content
        np.testing.assert_array_equal(out[0], images[row])
    rows.close()


def test_an_hdf5_chunk_that_was_never_written_is_damage(tmp_path: Path):
    with h5py.File(tmp_path / "a", "w", libver="earliest") as file:
        sparse = file.create_dataset("images", (6, 4, 4, 3), np.uint8, chunks=(2, 4, 4, 3), fletcher32=True)
        sparse[2:4] = 1
        file["labels"], file["ids"] = np.zeros(6, np.int64), np.zeros(6, np.uint64)
    rows = array_format("hdf5").open(tmp_path / "a")
    assert (rows[2:4] == 1).all()
    for missing in (slice(0, 1), slice(5, 6), slice(0, 6)):
        with pytest.raises(DamagedDataset, match=r"chunk [02] of 'images' is missing"):
            rows[missing]
    rows.close()


def test_any_flipped_byte_in_front_of_a_bcolz_chunk_is_harmless_or_damage(
    tmp_path: Path, flip_bit: Callable[..., None]
):
    images, labels, ids = block(7)
    path = written(array_format("bcolz"), tmp_path / "a", (images, labels, ids))
    for chunk in (path / "images" / "data" / "__0.blp", path / "images" / "data" / "__3.blp"):
        for bit in range(32 * 8):
            flip_bit(chunk, bit // 8, bit % 8)
            with suppress(DamagedDataset):
                np.testing.assert_array_equal(array_format("bcolz").open(path)[0:7], images)
            flip_bit(chunk, bit // 8, bit % 8)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_hdf5_file_is_damage(tmp_path: Path, share: float):
    path = written(array_format("hdf5"), tmp_path / "a", block(7))
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(DamagedDataset, match="is not a whole HDF5 file"):
        array_format("hdf5").open(path)


@pytest.mark.parametrize("name", ["images/data/__1.blp", "images/data/__3.blp", "labels/data/__0.blp"])
@pytest.mark.parametrize("lost", [1, 50, None], ids=["last byte", "most", "whole file"])
def test_a_truncated_bcolz_chunk_is_damage(tmp_path: Path, name: str, lost: int | None):
    path = written(array_format("bcolz"), tmp_path / "a", block(7))
    chunk = path / name
    if lost is None:
        chunk.unlink()
    else:
        os.truncate(chunk, chunk.stat().st_size - lost)
    with pytest.raises(DamagedDataset, match=chunk.name):
        _everything(array_format("bcolz"), path)


@pytest.mark.parametrize("name", ["images/meta/sizes", "images/meta/storage", "labels/meta/sizes"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"{}", b'{"shape": "x", "dtype": 3}'])
def test_damaged_bcolz_metadata_is_damage(tmp_path: Path, name: str, content: bytes):
    path = written(array_format("bcolz"), tmp_path / "a", block(7))
    (path / name).write_bytes(content)
    with pytest.raises(DamagedDataset, match="is missing or is not a whole bcolz array"):
        array_format("bcolz").open(path)


def test_damaged_hdf5_metadata_is_damage_or_harmless_to_pixels(tmp_path: Path, flip_bit: Callable[..., None]):
    path = written(array_format("hdf5"), tmp_path / "a", block(7))
    seen = 0
    for offset in range(0, 2048, 3):
        flip_bit(path, offset, offset % 8)
        try:
            _everything(array_format("hdf5"), path)
        except DamagedDataset:
            seen += 1
        flip_bit(path, offset, offset % 8)
    assert seen > 50


def _everything(fmt: ArrayFormat, path: Path) -> object:
    rows = fmt.open(path)
    try:
        return rows[0 : len(rows)], rows.labels, rows.ids, rows.spec
    finally:
        rows.close()


# ---- Hostile objects


class RunsCommand:
    """Unpickling this makes a folder: the stand-in for any command."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self._marker),)


@pytest.mark.parametrize("array", ["images", "labels", "ids"])
def test_bcolz_arrays_of_objects_are_refused_before_anything_is_unpickled(tmp_path: Path, array: str):
    path, marker = written(array_format("bcolz"), tmp_path / "a", block(2)), tmp_path / "command ran"
    shutil.rmtree(path / array)
    content = np.empty(1, dtype=object)
    content[0] = RunsCommand(marker)
    bcolz.carray(content, rootdir=str(path / array), mode="w").flush()
    with pytest.raises(DamagedDataset, match=rf"{array} should hold .*its metadata says .*'object'"):
        array_format("bcolz").open(path)
    assert not marker.exists()
    bcolz.open(str(path / array), mode="r")[0]
    assert marker.exists(), "the trap does not work, so the test above shows nothing"


def test_bcolz_metadata_that_names_the_type_twice_is_no_way_around_the_check(tmp_path: Path):
    path = written(array_format("bcolz"), tmp_path / "a", block(2))
    storage = path / "images" / "meta" / "storage"
    meta = json.loads(storage.read_text())
    rest = json.dumps({key: value for key, value in meta.items() if key != "dtype"})[1:]
    for first, second in (("uint8", "object"), ("object", "uint8")):
        storage.write_text(f'{{"dtype": "{first}", "dtype": "{second}", {rest}')
        try:
            images = array_format("bcolz").open(path)[0:2]
        except DamagedDataset:
            continue
        assert images.dtype == np.uint8


def _external_link(file: h5py.File, elsewhere: Path) -> None:
    file["images"] = h5py.ExternalLink(str(elsewhere), "images")


def _soft_link(file: h5py.File, elsewhere: Path) -> None:
    file["images"] = h5py.SoftLink("/labels")


def _external_storage(file: h5py.File, elsewhere: Path) -> None:
    file.create_dataset("images", shape=(2, 4, 4, 3), dtype=np.uint8, external=[(str(elsewhere), 0, 96)])


def _virtual_dataset(file: h5py.File, elsewhere: Path) -> None:
    layout = h5py.VirtualLayout((2, 4, 4, 3), np.uint8)
    layout[:] = h5py.VirtualSource(str(elsewhere), "images", (2, 4, 4, 3), np.uint8)
    file.create_virtual_dataset("images", layout)


def _group(file: h5py.File, elsewhere: Path) -> None:
    file.create_group("images")


@pytest.mark.parametrize("trap", [_external_link, _soft_link, _external_storage, _virtual_dataset, _group])
def test_hdf5_objects_that_point_elsewhere_are_refused(tmp_path: Path, trap: Callable[[h5py.File, Path], None]):
    secret = written(array_format("hdf5"), tmp_path / "secret.h5", block(2))
    path = written(array_format("hdf5"), tmp_path / "a.h5", block(2))
    with h5py.File(path, "r+") as file:
        del file["images"]
        trap(file, secret)
    with pytest.raises(DamagedDataset, match="'images' is not a plain dataset of this file"):
        array_format("hdf5").open(path)


def test_hdf5_arrays_of_another_type_are_refused(tmp_path: Path):
    path = written(array_format("hdf5"), tmp_path / "a.h5", block(2))
    with h5py.File(path, "r+") as file:
        del file["labels"]
        file["labels"] = np.zeros(2, np.float32)
    with pytest.raises(DamagedDataset, match="'labels' should be 1-dimensional int64, it is 1-dimensional float32"):
        array_format("hdf5").open(path)


# ---- Discovery


def test_the_formats_are_found_by_their_files():
    assert known_formats() == ("bcolz", "hdf5")


def test_a_format_bears_the_name_that_it_is_found_by(disk_fmt: ArrayFormat):
    assert array_format(disk_fmt.name) is disk_fmt
    assert disk_fmt.suffix.startswith(".")


def test_an_unknown_format_is_refused_with_the_list_of_known_ones():
    with pytest.raises(ValueError, match="unknown array format 'zarr'; known: bcolz, hdf5"):
        array_format("zarr")


def test_chunks_cover_all_rows_in_order():
    assert list(chunk_ranges(5, 2)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(chunk_ranges(4, 2)) == [slice(0, 2), slice(2, 4)]
    assert list(chunk_ranges(0, 2)) == []
