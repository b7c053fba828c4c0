"""Two disks: which one is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.datasets import create_dataset
from storage.objects import store_object
from storage.receipts import StoredObject
from storage.staging import stage
from storage.tiers import Tiers


@pytest.fixture
def tiers(tmp_path: Path) -> Tiers:
    create_dataset(tmp_path / "slow", "photos")
    return Tiers(tmp_path / "slow", tmp_path / "fast")


@pytest.fixture
def stored(tiers: Tiers) -> StoredObject:
    folder = tiers.authority("photos")
    (folder.tmp / "built").write_bytes(b"rows")
    return store_object(folder, folder.tmp / "built", prefix="8", suffix=".h5")


def slow(tiers: Tiers, stored: StoredObject) -> Path:
    return tiers.slow / "photos" / "objects" / stored.name


def fast(tiers: Tiers, stored: StoredObject) -> Path:
    return tiers.fast / "photos" / "objects" / stored.name


def test_sequential_reading_goes_to_the_slow_disk_and_random_reading_to_the_copy(tiers: Tiers, stored: StoredObject):
    stage(tiers, "photos", [stored])
    assert tiers.resolve("photos", stored, "sequential") == slow(tiers, stored)
    assert tiers.resolve("photos", stored, "random") == fast(tiers, stored)


def test_without_a_copy_random_reading_goes_to_the_slow_disk(tiers: Tiers, stored: StoredObject):
    assert tiers.resolve("photos", stored, "random") == slow(tiers, stored)


def test_a_copy_that_was_cut_short_is_not_read(tiers: Tiers, stored: StoredObject):
    stage(tiers, "photos", [stored])
    os.truncate(fast(tiers, stored), 3)
    assert tiers.resolve("photos", stored, "random") == slow(tiers, stored)


def test_a_link_in_place_of_a_copy_is_not_followed(tiers: Tiers, stored: StoredObject):
    stage(tiers, "photos", [stored])
    fast(tiers, stored).rename(tiers.fast / "elsewhere")
    fast(tiers, stored).symlink_to(tiers.fast / "elsewhere")
    assert tiers.resolve("photos", stored, "random") == slow(tiers, stored)


def test_one_disk_may_be_both(tmp_path: Path):
    create_dataset(tmp_path, "photos")
    (tmp_path / "link").symlink_to(tmp_path)
    tiers = Tiers(tmp_path, tmp_path / "link")
    stored = StoredObject(f"8-{'a' * 64}.h5", "a" * 64, 4)
    assert not tiers.is_split
    assert tiers.resolve("photos", stored, "random") == slow(tiers, stored)
