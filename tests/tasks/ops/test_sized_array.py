"""One size of a shard: what is kept is what the libraries of others find on disk, or nothing is published."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bcolz
import google_crc32c
import h5py
import numpy as np
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.array_formats import array_format
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.receipts import ShardArray
from tasks.ops.sized_array import BLOCK_BYTES, SizedArray

FORMATS = ("bcolz", "hdf5")
pytestmark = pytest.mark.parametrize("name", FORMATS)


@contextmanager
def array_of(folder: DatasetFolder, name: str, *, side: int, count: int) -> Iterator[SizedArray]:
    """Begin an array for `count` inputs, whose labels and ids are their positions and those plus 1,000."""
    with ExitStack() as stack:
        yield SizedArray(
            folder.tmp / f"built-{side}{array_format(name).suffix}",
            side=side,
            format_=array_format(name),
            labels=np.arange(count),
            ids=np.arange(count, dtype=np.uint64) + np.uint64(1000),
            stack=stack,
        )


def picture(side: int, number: int) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


def filled(folder: DatasetFolder, name: str, kept: list[int], *, side: int, count: int) -> SizedArray:
    """Write the picture of each input, and keep those of `kept`."""
    with array_of(folder, name, side=side, count=count) as array:
        for position in range(count):
            array.next_row[:] = picture(side, position)
            if position in kept:
                array.keep_row(position)
        array.flush()
    return array


def read_by_others(path: Path) -> dict[str, NDArray[np.generic]]:
    if path.is_dir():
        return {part: np.asarray(bcolz.carray(rootdir=str(path / part), mode="r")[:]) for part in PARTS}
    with h5py.File(path) as file:
        return {part: np.asarray(file[part]) for part in PARTS}


PARTS = ("images", "labels", "ids")


def assert_holds(folder: DatasetFolder, array: ShardArray, kept: list[int]) -> None:
    found = read_by_others(folder.objects / array.stored.name)
    images = [picture(array.side, position) for position in kept]
    assert np.array_equal(found["images"], images)
    assert found["labels"].tolist() == kept
    assert found["ids"].tolist() == [position + 1000 for position in kept]
    chunks = [images[first : first + array.rows_per_chunk] for first in range(0, len(kept), array.rows_per_chunk)]
    assert array.chunk_crcs == tuple(google_crc32c.value(np.array(chunk).tobytes()) for chunk in chunks)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.sets(st.integers(0, 11), min_size=1), side=st.sampled_from([3, 16, 130]))
def test_just_the_rows_that_were_kept_are_stored(name: str, kept: set[int], side: int, folder: DatasetFolder):
    array = filled(folder, name, sorted(kept), side=side, count=12).published(folder)
    assert_holds(folder, array, sorted(kept))


def test_rows_beyond_one_block_and_one_chunk_are_all_there(name: str, folder: DatasetFolder):
    side = 150
    count = 2 * max(array_format(name).rows_per_chunk(side), BLOCK_BYTES // (side * side * 3)) + 3
    kept = [position for position in range(count) if position != 1]
    array = filled(folder, name, kept, side=side, count=count).published(folder)
    assert len(array.chunk_crcs) > 2
    assert_holds(folder, array, kept)


def test_the_digest_is_known_before_anything_is_published(name: str, folder: DatasetFolder):
    array = filled(folder, name, [0, 2], side=8, count=3)
    digest = array.digest()
    assert os.listdir(folder.objects) == []
    assert array.published(folder).stored.digest == digest
    assert digest in os.listdir(folder.objects)[0]


def test_the_same_rows_give_the_same_object(name: str, folder: DatasetFolder):
    first = filled(folder, name, [0, 2], side=8, count=3).published(folder)
    assert filled(folder, name, [0, 2], side=8, count=3).published(folder) == first
    assert filled(folder, name, [0, 1], side=8, count=3).published(folder).stored != first.stored


def test_a_half_that_a_dead_worker_left_is_begun_anew(name: str, folder: DatasetFolder):
    with array_of(folder, name, side=8, count=3) as half:
        half.next_row[:] = 7
        half.keep_row(0)
        half.flush()
    array = filled(folder, name, [0, 2], side=8, count=3).published(folder)
    assert_holds(folder, array, [0, 2])


def test_an_error_while_it_is_filled_leaves_nothing(name: str, folder: DatasetFolder):
    def burn() -> None:
        with array_of(folder, name, side=8, count=3) as array:
            array.keep_row(0)
            array.flush()
            raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        burn()
    assert os.listdir(folder.tmp) == os.listdir(folder.objects) == []


@pytest.mark.parametrize("spoiled", PARTS)
def test_what_does_not_read_back_as_it_was_meant_is_never_published(name: str, spoiled: str, folder: DatasetFolder):
    array = filled(folder, name, [0, 1, 2], side=8, count=3)
    (built,) = folder.tmp.iterdir()
    meant = {
        "images": picture(8, 1).tobytes(),
        "labels": np.arange(3).tobytes(),
        "ids": (np.arange(3, dtype=np.uint64) + np.uint64(1000)).tobytes(),
    }[spoiled]
    file = next(file for file in [built, *built.rglob("*.blp")] if file.is_file() and meant in file.read_bytes())
    content = file.read_bytes()
    at = content.index(meant)
    file.write_bytes(content[:at] + bytes([meant[0] ^ 4]) + content[at + 1 :])
    with pytest.raises(DamagedDataset):
        array.published(folder)
    assert os.listdir(folder.objects) == []


def test_an_array_named_after_its_size_and_hash_holds_the_bytes_that_its_name_says(name: str, folder: DatasetFolder):
    stored = filled(folder, name, [1], side=8, count=2).published(folder).stored
    path = folder.objects / stored.name
    assert stored.name == f"8-{stored.digest}{array_format(name).suffix}"
    if path.is_file():
        assert blake3(path.read_bytes()).hexdigest() == stored.digest
        assert path.stat().st_size == stored.bytes
    else:
        assert sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) == stored.bytes
