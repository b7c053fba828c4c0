"""Which rows and classes are lost with a damaged array: those of the chunks that are not what was published."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from storage.damage import classes_of, lost_rows, shard_of
from storage.layout import DatasetFolder
from tests.storage.damaged_files import files_of
from tests.storage.random_versions import Published

FORMATS = ("bcolz", "hdf5")
SHARDS = (4, 0, 9)
FIRST = 4
"""The first row of the last shard, whose chunks are of two rows, the last of one."""


@pytest.fixture(params=FORMATS)
def published(request: pytest.FixtureRequest, prepublished: Callable[..., Published]) -> Published:
    return prepublished(request.param, SHARDS)


def lost(published: Published, *, side: int = 8, path: Path | None = None) -> tuple[tuple[int, int], ...]:
    """Return the rows lost with the array of the last shard."""
    stored = published.version.shards[2].objects[published.version.parameters.sides.index(side)]
    return lost_rows(published.folder, published.version, stored, path or published.object(2, side))


def spoil_row(published: Published, row: int) -> None:
    pixels = published.images[8][row].tobytes()
    for file in files_of(published.object(2, 8)):
        content = file.read_bytes()
        if pixels in content:
            file.write_bytes(content.replace(pixels, b"\xff" + pixels[1:] if pixels[0] != 255 else b"\0" + pixels[1:]))
            return
    raise AssertionError("the pixels are in no file")


def test_a_whole_array_loses_nothing(published: Published):
    assert lost(published) == lost(published, side=4) == ()


def test_exactly_the_rows_of_the_damaged_chunks_are_lost_and_neighbours_are_joined(published: Published):
    sound = {file: file.read_bytes() for file in files_of(published.object(2, 8))}
    chunks = [(row, min(row + 2, FIRST + 9)) for row in range(FIRST, FIRST + 9, 2)]
    for attempt in range(12):
        chosen = random.Random(attempt).sample(chunks, attempt % 6)
        for first, stop in chosen:
            spoil_row(published, random.Random(attempt).randrange(first, stop))
        found = lost(published)
        assert {row for first, stop in found for row in range(first, stop)} == {
            row for first, stop in chosen for row in range(first, stop)
        }
        assert all(one[1] < other[0] for one, other in pairwise(found)), "not joined"
        for file, content in sound.items():
            file.write_bytes(content)
    assert lost(published) == ()


def test_the_other_size_is_not_lost_with_it(published: Published):
    spoil_row(published, FIRST)
    assert (lost(published), lost(published, side=4)) == (((FIRST, FIRST + 2),), ())


def test_pixels_rewritten_with_a_valid_checksum_of_hdf5_are_lost(prepublished: Callable[..., Published]):
    published = prepublished("hdf5", SHARDS)
    with h5py.File(published.object(2, 8), "r+") as file:
        images = file["images"]
        assert isinstance(images, h5py.Dataset)
        images[3] = 0
    assert lost(published) == ((FIRST + 2, FIRST + 4),)


@pytest.mark.parametrize("spoil", ["missing", "not an array", "another array", "a link to it"])
def test_an_array_that_cannot_be_opened_loses_all_rows_of_its_shard(published: Published, spoil: str, tmp_path: Path):
    path = published.object(2, 8)
    path.rename(tmp_path / "aside")
    if spoil == "not an array":
        path.write_bytes(b"not an array")
    elif spoil == "another array":
        shutil.move(published.object(0, 8), path)
    elif spoil == "a link to it":
        path.symlink_to(tmp_path / "aside")
    assert lost(published) == ((FIRST, FIRST + 9),)


def test_without_a_receipt_nobody_knows_which_rows_are_whole(published: Published):
    published.folder.receipt(published.version.shards[2].key).unlink()
    assert lost(published) == ((FIRST, FIRST + 9),)


def test_a_chunk_cut_short_is_lost_with_what_lies_behind_it_at_most(published: Published):
    file = next(
        file for file in files_of(published.object(2, 8)) if published.images[8][-1].tobytes() in file.read_bytes()
    )
    os.truncate(file, file.stat().st_size - 50)
    ((first, stop),) = lost(published)
    assert FIRST <= first <= FIRST + 8
    assert stop == FIRST + 9


def test_a_copy_is_judged_by_the_same_receipt(published: Published, tmp_path: Path):
    path = published.object(2, 8)
    copy = Path(shutil.copytree(path, tmp_path / "copy") if path.is_dir() else shutil.copyfile(path, tmp_path / "copy"))
    assert lost(published, path=copy) == ()
    spoil_row(published, FIRST + 8)
    assert (lost(published), lost(published, path=copy)) == (((FIRST + 8, FIRST + 9),), ())


def test_rows_are_counted_over_all_shards_of_a_version(published: Published):
    starts = [0, *accumulate(SHARDS)]
    for place, shard in enumerate(published.version.shards):
        for stored in shard.objects:
            assert shard_of(published.version, stored) == (shard, starts[place])
    for stored in published.version.companions:
        assert shard_of(published.version, stored) is None
        path = published.folder.objects / stored.name
        assert lost_rows(published.folder, published.version, stored, path) == ()


# ---- Classes


def test_classes_are_those_of_the_rows_each_once_and_sorted(published: Published):
    names = np.array(published.version.classes)
    for first, stop in [(0, 1), (0, 4), (3, 13), (12, 13), (0, 13)]:
        found = classes_of(published.folder, published.version, ((first, stop),))
        assert found == tuple(sorted(set(names[published.labels[first:stop]])))
    assert classes_of(published.folder, published.version, ()) == ()


def damaged_table(folder: DatasetFolder, published: Published, *, content: bytes | None) -> None:
    path = folder.objects / published.version.table.name
    path.unlink()
    if content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize("content", [None, b"", b"not a table"])
def test_without_the_table_no_class_is_told(published: Published, content: bytes | None):
    damaged_table(published.folder, published, content=content)
    assert classes_of(published.folder, published.version, ((0, 4),)) == ()
