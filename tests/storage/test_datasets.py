"""Making and finding datasets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.datasets import DatasetMark, create_dataset, existing_dataset, find_datasets
from storage.errors import UnknownDataset, UnreadableRecord
from storage.layout import DatasetFolder
from storage.records import read_record
from tests.storage.damaged_files import as_of_format


def test_a_dataset_is_a_folder_with_its_parts_and_a_mark(tmp_path: Path):
    folder = create_dataset(tmp_path / "new" / "root", "photos")
    assert sorted(os.listdir(tmp_path / "new" / "root" / "photos")) == [
        *("dataset.json", "objects", "pins", "plans", "receipts", "refused", "spares", "tmp", "versions"),
    ]
    assert read_record(folder.marker, "dataset", DatasetMark) == DatasetMark("photos", "images")


def test_creating_a_dataset_again_changes_nothing_and_mends_missing_parts(tmp_path: Path):
    folder = create_dataset(tmp_path, "photos")
    mark = folder.marker.read_bytes()
    (folder.objects / "object").write_text("precious")
    (folder.tmp).rmdir()
    assert create_dataset(tmp_path, "photos") == folder
    assert folder.marker.read_bytes() == mark
    assert (folder.objects / "object").read_text() == "precious"
    assert folder.tmp.is_dir()


def test_a_dataset_of_later_code_is_refused(tmp_path: Path):
    folder = create_dataset(tmp_path, "photos")
    folder.marker.write_bytes(as_of_format(folder.marker.read_bytes(), "dataset", 3))
    with pytest.raises(UnreadableRecord, match="Use the version that wrote it, or prepare into a new dataset name"):
        create_dataset(tmp_path, "photos")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", ".hidden", "-flag", "a b", "größe", "a" * 65, "a\n"])
def test_names_that_are_no_plain_folder_names_are_refused(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="a dataset's name has letters, digits"):
        create_dataset(tmp_path / "root", name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a", "imagenet-1k", "v1.0_224", "A" * 64, "0"])
def test_plain_names_are_taken(tmp_path: Path, name: str):
    assert create_dataset(tmp_path, name).path == tmp_path / name


def test_datasets_are_found_by_their_mark_and_sorted(tmp_path: Path):
    for name in ("zebra", "cat", "Dog"):
        create_dataset(tmp_path, name)
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "marked").mkdir()
    (tmp_path / "marked" / "dataset.json").mkdir()
    assert find_datasets(tmp_path) == [DatasetFolder(tmp_path / name) for name in ("Dog", "cat", "zebra")]


def test_a_root_that_is_not_there_has_no_datasets(tmp_path: Path):
    assert find_datasets(tmp_path / "nothing") == []


def test_an_unknown_dataset_is_refused_with_those_that_are_there_and_is_not_made(tmp_path: Path):
    with pytest.raises(UnknownDataset, match=r"has no dataset 'photos'; it has: none"):
        existing_dataset(tmp_path, "photos")
    create_dataset(tmp_path, "cats")
    create_dataset(tmp_path, "dogs")
    with pytest.raises(UnknownDataset, match=r"has no dataset 'photos'; it has: cats, dogs"):
        existing_dataset(tmp_path, "photos")
    assert sorted(os.listdir(tmp_path)) == ["cats", "dogs"]
    assert existing_dataset(tmp_path, "cats") == DatasetFolder(tmp_path / "cats")


def test_a_dataset_that_lost_its_mark_is_still_there(tmp_path: Path):
    create_dataset(tmp_path, "photos").marker.unlink()
    assert existing_dataset(tmp_path, "photos") == DatasetFolder(tmp_path / "photos")
