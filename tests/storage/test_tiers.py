"""Two disks: which one is read, and what a copy must prove."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from storage.datasets import create_dataset
from storage.errors import DamagedDataset, NotEnoughSpace
from storage.objects import store_object
from storage.receipts import StoredObject
from storage.tiers import HEADROOM_BYTES, Tiers, require_space, stage

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def tiers(tmp_path: Path) -> Tiers:
    create_dataset(tmp_path / "slow", "photos")
    return Tiers(tmp_path / "slow", tmp_path / "fast")


def stored_file(tiers: Tiers, content: bytes = b"rows") -> StoredObject:
    folder = tiers.authority("photos")
    (folder.tmp / "built").write_bytes(content)
    return store_object(folder, folder.tmp / "built", prefix="8", suffix=".h5")


def stored_folder(tiers: Tiers) -> StoredObject:
    folder = tiers.authority("photos")
    (folder.tmp / "built" / "images").mkdir(parents=True)
    (folder.tmp / "built" / "images" / "data").write_bytes(b"rows of a folder")
    return store_object(folder, folder.tmp / "built", prefix="8", suffix=".bcolz")


def slow(tiers: Tiers, stored: StoredObject) -> Path:
    return tiers.slow / "photos" / "objects" / stored.name


def fast(tiers: Tiers, stored: StoredObject) -> Path:
    return tiers.fast / "photos" / "objects" / stored.name


def test_sequential_reading_goes_to_the_slow_disk_and_random_reading_to_the_copy(tiers: Tiers):
    stored = stored_file(tiers)
    stage(tiers, "photos", [stored])
    assert tiers.resolve("photos", stored, "sequential") == slow(tiers, stored)
    assert tiers.resolve("photos", stored, "random") == fast(tiers, stored)


def test_without_a_copy_random_reading_falls_back_to_the_slow_disk_with_a_warning(
    tiers: Tiers, caplog: pytest.LogCaptureFixture
):
    stored = stored_file(tiers)
    with caplog.at_level(logging.WARNING):
        assert tiers.resolve("photos", stored, "random") == slow(tiers, stored)
    assert f"{tiers.fast} has no copy of {stored.name}; reading the slow one" in caplog.text


def test_one_disk_may_be_both_and_nothing_is_copied_or_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    create_dataset(tmp_path, "photos")
    (tmp_path / "link").symlink_to(tmp_path)
    tiers = Tiers(tmp_path, tmp_path / "link")
    stored = stored_file(tiers)
    assert not tiers.is_split
    assert stage(tiers, "photos", [stored]) == 0
    with caplog.at_level(logging.WARNING):
        assert tiers.resolve("photos", stored, "random") == slow(tiers, stored)
    assert caplog.text == ""


def test_staging_copies_files_and_folders_once(tiers: Tiers):
    objects = [stored_file(tiers), stored_folder(tiers)]
    assert stage(tiers, "photos", objects) == 4 + 16
    assert fast(tiers, objects[0]).read_bytes() == b"rows"
    assert (fast(tiers, objects[1]) / "images" / "data").read_bytes() == b"rows of a folder"
    assert sorted(os.listdir(tiers.fast / "photos" / "objects")) == sorted(stored.name for stored in objects)
    assert stage(tiers, "photos", objects) == 0


@pytest.mark.parametrize("store", [stored_file, stored_folder])
def test_a_damaged_source_is_refused_and_nothing_is_left_on_the_fast_disk(tiers: Tiers, store, flip_bit):
    stored = store(tiers)
    source = slow(tiers, stored)
    flip_bit(source if source.is_file() else source / "images" / "data", 2)
    with pytest.raises(DamagedDataset, match=rf"{re.escape(str(source))} is damaged: its hash is not the published"):
        stage(tiers, "photos", [stored])
    assert os.listdir(tiers.fast / "photos" / "objects") == []


def test_a_missing_source_is_damage(tiers: Tiers):
    stored = stored_file(tiers)
    slow(tiers, stored).unlink()
    with pytest.raises(DamagedDataset, match=rf"{stored.name} is missing"):
        stage(tiers, "photos", [stored])
    assert os.listdir(tiers.fast / "photos" / "objects") == []


def test_a_copy_that_was_cut_short_is_neither_read_nor_kept(tiers: Tiers, caplog: pytest.LogCaptureFixture):
    stored = stored_file(tiers)
    stage(tiers, "photos", [stored])
    os.truncate(fast(tiers, stored), 3)
    with caplog.at_level(logging.WARNING):
        assert tiers.resolve("photos", stored, "random") == slow(tiers, stored)
    assert "has no copy" in caplog.text
    assert stage(tiers, "photos", [stored]) == 4
    assert fast(tiers, stored).read_bytes() == b"rows"


def test_copies_that_do_not_fit_are_refused_before_the_first_is_made(tiers: Tiers, monkeypatch: pytest.MonkeyPatch):
    objects = [stored_file(tiers), stored_folder(tiers)]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, HEADROOM_BYTES + 19))
    told = (
        r"fast/photos has 0\.07 GB free, copies of photos for random reading need 0\.07 GB: free some space, choose "
        r"another root, or limit the job \(--limit, fewer or smaller --size\)"
    )
    with pytest.raises(NotEnoughSpace, match=told):
        stage(tiers, "photos", objects)
    assert os.listdir(tiers.fast / "photos" / "objects") == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, HEADROOM_BYTES + 20))
    assert stage(tiers, "photos", objects) == 20


def test_the_space_needed_is_told_in_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 5_250_000_000))
    with pytest.raises(NotEnoughSpace, match=r"has 5\.25 GB free, arrays need 193\.07 GB"):
        require_space(tmp_path, 193_000_000_000, purpose="arrays")
    require_space(tmp_path, 5_000_000_000, purpose="arrays")
