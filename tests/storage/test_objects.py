"""The way into `objects/`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from blake3 import blake3

from storage.digests import object_digest
from storage.layout import DatasetFolder
from storage.objects import restore_object, store_object


def built_file(folder: DatasetFolder, content: bytes = b"rows") -> Path:
    path = folder.tmp / "half-built"
    path.write_bytes(content)
    return path


def built_folder(folder: DatasetFolder) -> Path:
    path = folder.tmp / "half-built"
    (path / "images").mkdir(parents=True)
    (path / "images" / "data").write_bytes(b"rows")
    return path


def test_an_object_is_named_after_its_content(folder: DatasetFolder):
    stored = store_object(folder, built_file(folder), prefix="224", suffix=".h5")
    digest = blake3(b"rows").hexdigest()
    assert (stored.name, stored.digest, stored.bytes) == (f"224-{digest}.h5", digest, 4)
    assert (folder.objects / stored.name).read_bytes() == b"rows"
    assert os.listdir(folder.tmp) == []


@pytest.mark.parametrize("built", [built_file, built_folder])
def test_the_same_content_is_stored_once(folder: DatasetFolder, built):
    one = store_object(folder, built(folder), prefix="224", suffix=".x")
    inode = (folder.objects / one.name).stat().st_ino
    other = store_object(folder, built(folder), prefix="224", suffix=".x")
    assert one == other
    assert os.listdir(folder.objects) == [one.name]
    assert (folder.objects / one.name).stat().st_ino == inode


def test_other_content_gets_a_name_of_its_own(folder: DatasetFolder):
    one = store_object(folder, built_file(folder, b"rows"), prefix="224", suffix=".h5")
    other = store_object(folder, built_file(folder, b"more"), prefix="224", suffix=".h5")
    assert sorted(os.listdir(folder.objects)) == sorted([one.name, other.name])


def test_a_damaged_file_is_replaced(folder: DatasetFolder):
    stored = store_object(folder, built_file(folder), prefix="224", suffix=".h5")
    (folder.objects / stored.name).write_bytes(b"rots")
    assert store_object(folder, built_file(folder), prefix="224", suffix=".h5") == stored
    assert (folder.objects / stored.name).read_bytes() == b"rows"
    assert os.listdir(folder.objects) == [stored.name]


def test_a_damaged_folder_is_replaced(folder: DatasetFolder):
    stored = store_object(folder, built_folder(folder), prefix="224", suffix=".bcolz")
    assert stored.bytes == 4
    (folder.objects / stored.name / "images" / "data").write_bytes(b"ro")
    (folder.objects / stored.name / "images" / "more").write_bytes(b"")
    assert store_object(folder, built_folder(folder), prefix="224", suffix=".bcolz") == stored
    assert os.listdir(folder.objects / stored.name / "images") == ["data"]
    assert (folder.objects / stored.name / "images" / "data").read_bytes() == b"rows"
    assert os.listdir(folder.objects) == [stored.name]


def test_what_is_not_there_is_not_stored(folder: DatasetFolder):
    with pytest.raises(FileNotFoundError):
        store_object(folder, folder.tmp / "nothing", prefix="224", suffix=".h5")
    assert os.listdir(folder.objects) == []


@pytest.mark.parametrize("built", [built_file, built_folder])
def test_an_object_that_is_used_again_looks_as_young_as_if_it_were_new(folder: DatasetFolder, built):
    stored = store_object(folder, built(folder), prefix="224", suffix=".x")
    os.utime(folder.objects / stored.name, (0, 0))
    store_object(folder, built(folder), prefix="224", suffix=".x")
    assert (folder.objects / stored.name).stat().st_mtime > 0


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_symbolic_link_is_no_object_and_what_it_leads_to_is_left_alone(
    folder: DatasetFolder, target: str, tmp_path: Path
):
    (tmp_path / "elsewhere").write_bytes(b"rows")
    stored = store_object(folder, built_file(folder), prefix="224", suffix=".h5")
    path = folder.objects / stored.name
    path.unlink()
    path.symlink_to(tmp_path / target)
    assert store_object(folder, built_file(folder), prefix="224", suffix=".h5") == stored
    assert not path.is_symlink()
    assert path.read_bytes() == (tmp_path / "elsewhere").read_bytes() == b"rows"


def test_an_object_may_lie_in_another_part_of_the_dataset(folder: DatasetFolder):
    stored = store_object(folder, built_file(folder), prefix="00000001", suffix=".zip", place=folder.spares)
    assert os.listdir(folder.spares) == [stored.name]
    assert os.listdir(folder.objects) == []


@pytest.mark.parametrize("built", [built_file, built_folder])
def test_a_lost_object_is_restored_from_the_same_bytes_alone(folder: DatasetFolder, built, tmp_path: Path):
    stored = store_object(folder, built(folder), prefix="224", suffix=".x")
    path = (folder.objects / stored.name).rename(tmp_path / "lost")
    other = folder.tmp / "other"
    other.write_bytes(b"rots")
    assert not restore_object(folder, other, stored)
    assert os.listdir(folder.objects) == []
    assert restore_object(folder, built(folder), stored)
    assert os.listdir(folder.objects) == [stored.name]
    assert object_digest(folder.objects / stored.name) == object_digest(path) == stored.digest
