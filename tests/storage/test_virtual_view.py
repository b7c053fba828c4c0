"""The view that any HDF5 program can open, read here by plain h5py."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from storage.digests import object_digest
from storage.virtual_view import write_virtual_view


@pytest.fixture
def published(publish_rows):
    return publish_rows("hdf5", shards=(3, 0, 5))


def written_view(published, side: int, *, name: str = "view.h5") -> Path:
    path = published.tiers.authority("photos").objects / name
    place = published.version.parameters.sides.index(side)
    shards = [(shard.objects[place], shard.rows) for shard in published.version.shards if shard.rows]
    write_virtual_view(path, side, shards)
    return path


def assert_all_rows(path: Path, published, side: int) -> None:
    with h5py.File(path) as file:
        np.testing.assert_array_equal(np.asarray(file["images"]), published.images[side])
        np.testing.assert_array_equal(np.asarray(file["labels"]), published.labels)
        images = file["images"]
        assert isinstance(images, h5py.Dataset)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images[2:4], published.images[side][2:4])
        assert np.asarray(file["ids"]).dtype == np.uint64
        assert len(set(np.asarray(file["ids"]).tolist())) == len(published.labels)


@pytest.mark.parametrize("side", [8, 4])
def test_plain_h5py_sees_one_array(published, side: int):
    assert_all_rows(written_view(published, side), published, side)


def test_a_moved_dataset_is_read_from_its_new_place(published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written_view(published, 8)
    moved = tmp_path / "elsewhere"
    published.tiers.authority("photos").path.rename(moved)
    assert_all_rows(moved / "objects" / "view.h5", published, 8)
    monkeypatch.chdir(moved / "objects")
    assert_all_rows(Path("view.h5"), published, 8)
    monkeypatch.chdir(moved)
    assert_all_rows(Path("objects/view.h5"), published, 8)


def test_files_of_the_same_name_in_the_working_folder_are_not_read(
    published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    view = written_view(published, 8)
    monkeypatch.chdir(tmp_path)
    with h5py.File(published.object(0, 8).name, "w") as file:
        file["images"] = np.zeros((3, 8, 8, 3), np.uint8)
        file["labels"] = np.zeros(3, np.int64)
        file["ids"] = np.zeros(3, np.uint64)
    assert_all_rows(view, published, 8)


def test_the_same_shards_give_the_same_bytes(published):
    one = written_view(published, 8, name="one.h5")
    time.sleep(1.1)  # a time stamp in the file would count seconds
    other = written_view(published, 8, name="other.h5")
    assert object_digest(one) == object_digest(other)


def test_a_view_holds_no_pixels_and_overwrites_nothing(published):
    view = written_view(published, 8)
    assert published.images[8][0].tobytes() not in view.read_bytes()
    with pytest.raises(FileExistsError):
        written_view(published, 8)
    assert_all_rows(view, published, 8)


def test_a_view_of_no_shards_is_empty(tmp_path: Path):
    write_virtual_view(tmp_path / "view.h5", 8, [])
    with h5py.File(tmp_path / "view.h5") as file:
        assert np.asarray(file["images"]).shape == (0, 8, 8, 3)
        assert np.asarray(file["labels"]).shape == (0,)
