"""Records are whole only if they also agree with each other: each lie below has a valid checksum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.damage import Damage
from storage.datasets import DatasetMark
from storage.errors import UnreadableRecord
from storage.layout import DatasetFolder
from storage.receipts import read_receipt, write_receipt
from storage.record_checks import CheckedRecords, checked_records
from storage.records import write_record
from storage.versions import Version, version_identity
from tests.examples import PARAMETERS
from tests.storage.damaged_files import as_of_format, paths_of, swapped
from tests.storage.random_versions import Published


@pytest.fixture
def published(prepublished: Callable[..., Published]) -> Published:
    """The third of three versions, which share their first shard."""
    return prepublished("bcolz", (2,), (2, 1), (2, 3))


@pytest.fixture
def folder(published: Published) -> DatasetFolder:
    return published.folder


def only_damage(found: CheckedRecords) -> tuple[Path, str]:
    (damage,) = found.damages
    return damage.path, damage.problem


def test_records_that_agree_are_whole(folder: DatasetFolder, published: Published):
    found = checked_records(folder)
    assert (found.damages, found.notes) == ([], [])
    assert list(found.versions) == [1, 2, 3]
    assert found.versions[3] == published.version


def test_a_receipt_that_versions_share_is_read_once(folder: DatasetFolder):
    assert len(list((folder.path / "receipts").iterdir())) == 3
    # The mark; of each version its record and the four files of its plan.
    assert checked_records(folder).files == 1 + 3 * 5 + 3


# ---- Lies


COUNTS: dict[str, dict[str, Any]] = {
    "more rows than shards": {"stored": 6, "listed": 6},
    "more listed than stored and refused": {"listed": 6},
    "less refused than none": {"refused": -1, "listed": 4},
    "its own parent": {"parent": 3},
    "no object for a size": {"parameters": replace(PARAMETERS, array_format="bcolz", sides=(8,))},
    "a size of nothing": {"parameters": replace(PARAMETERS, array_format="bcolz", sides=(8, 0))},
}


@pytest.mark.parametrize("changes", COUNTS.values(), ids=COUNTS)
def test_a_version_whose_counts_contradict_each_other_is_damage(
    folder: DatasetFolder, published: Published, changes: dict[str, Any]
):
    write_record(folder.version(3), "version", replace(published.version, **changes))
    path, problem = only_damage(checked_records(folder))
    assert path == folder.version(3)
    assert "contradicts itself" in problem


@pytest.mark.parametrize("changes", [{"identity": "f" * 64}, {"classes": ("cat", "cow")}])
def test_a_version_of_another_identity_than_its_shards_is_damage(
    folder: DatasetFolder, published: Published, changes: dict[str, Any]
):
    write_record(folder.version(3), "version", replace(published.version, **changes))
    assert only_damage(checked_records(folder)) == (folder.version(3), "its identity is not that of its shards")


def test_a_record_of_another_kind_in_a_versions_place_is_damage(folder: DatasetFolder, published: Published):
    for path in (folder.version(2), folder.receipt(published.version.shards[1].key), folder.marker):
        sound = path.read_bytes()
        (plan,) = paths_of(folder.path, "plan")[:1]
        path.write_bytes(plan.read_bytes())
        found, problem = only_damage(checked_records(folder))
        assert found == path
        assert problem.endswith(", it holds a plan")
        path.write_bytes(sound)


def test_a_mark_with_another_name_is_damage(folder: DatasetFolder):
    write_record(folder.marker, "dataset", DatasetMark("pictures", "images"))
    assert only_damage(checked_records(folder)) == (folder.marker, "is the mark of 'pictures'")


def test_a_receipt_of_other_objects_than_the_versions_is_damage(folder: DatasetFolder, published: Published):
    shard = published.version.shards[1]
    receipt = read_receipt(folder, shard.key)
    for lie in (replace(receipt, rows=2), replace(receipt, arrays=receipt.arrays[::-1])):
        write_receipt(folder, lie)
        assert only_damage(checked_records(folder)) == (
            folder.receipt(shard.key),
            "does not speak of the objects that the version names",
        )


@pytest.mark.parametrize("format_", [1, 3])
def test_a_record_of_another_format_ends_the_check(folder: DatasetFolder, format_: int):
    folder.version(2).write_bytes(as_of_format(folder.version(2).read_bytes(), "version", format_))
    with pytest.raises(UnreadableRecord, match=f"holds a version of format {format_}"):
        checked_records(folder)


# ---- Lost versions


def test_a_version_that_is_lost_is_missed_for_its_spare(folder: DatasetFolder):
    for number in (1, 2, 3):
        sound = folder.version(number).read_bytes()
        folder.version(number).unlink()
        found = checked_records(folder)
        assert found.damages == [Damage(folder.version(number), "missing", versions=(number,))]
        assert number not in found.versions
        folder.version(number).write_bytes(sound)


def test_a_gap_between_versions_is_a_version_that_was_lost(folder: DatasetFolder):
    folder.version(2).unlink()
    paths_of(folder.path, "spare")[1].unlink()
    assert only_damage(checked_records(folder)) == (folder.version(2), "missing")


def test_the_lowest_versions_may_be_gone_with_their_spares(folder: DatasetFolder):
    for number in (1, 2):
        folder.version(number).unlink()
        paths_of(folder.path, "spare")[0].unlink()
        assert checked_records(folder).damages == []


def test_each_version_without_a_spare_is_told_of(folder: DatasetFolder):
    for path in paths_of(folder.path, "spare")[1:]:
        path.unlink()
    found = checked_records(folder)
    assert found.damages == []
    assert [note.split(" has no spare copy")[0] for note in found.notes] == ["version 2", "version 3"]


# ---- Receipts that were superseded


@pytest.fixture
def superseded(folder: DatasetFolder, published: Published) -> Version:
    """The third version, after a run that published nothing has found other images for its second shard."""
    shard = published.version.shards[1]
    later = replace(read_receipt(folder, shard.key), identity="e" * 64, rows=0, arrays=())
    write_receipt(folder, later)
    return published.version


def test_a_version_on_a_superseded_receipt_is_whole(folder: DatasetFolder, superseded: Version):
    assert checked_records(folder).damages == []


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{}")])
def test_a_superseded_receipt_that_a_version_stands_on_is_missed(
    folder: DatasetFolder, superseded: Version, spoil: Callable[[Path], object]
):
    shard = superseded.shards[1]
    former = folder.former_receipt(shard.key, shard.identity)
    spoil(former)
    (damage,) = checked_records(folder).damages
    assert (damage.path, damage.versions, damage.shard) == (former, (3,), shard.key)


def test_the_receipt_that_superseded_it_is_nobodys_damage(folder: DatasetFolder, superseded: Version):
    folder.receipt(superseded.shards[1].key).write_bytes(b"{}")
    assert checked_records(folder).damages == []
    folder.receipt(superseded.shards[1].key).unlink()
    assert checked_records(folder).damages == []


def test_receipts_of_one_key_that_changed_places_are_found_both(folder: DatasetFolder, superseded: Version):
    shard = superseded.shards[1]
    later = read_receipt(folder, shard.key)
    others = replace(shard, identity=later.identity, rows=0, objects=())
    shards = (superseded.shards[0], others)
    identity = version_identity(tuple(one.identity for one in shards), superseded.classes)
    changes = {"number": 4, "parent": 3, "shards": shards, "identity": identity, "stored": 2, "refused": 3}
    write_record(folder.version(4), "version", replace(superseded, **changes))
    assert checked_records(folder).damages == []
    with swapped(folder.receipt(shard.key), folder.former_receipt(shard.key, shard.identity)):
        found = checked_records(folder)
    assert {damage.path for damage in found.damages} == {
        folder.receipt(shard.key),
        folder.former_receipt(shard.key, shard.identity),
    }


def test_a_file_is_counted_once_however_many_versions_stand_on_it(folder: DatasetFolder, published: Published):
    path = folder.receipt(published.version.shards[0].key)
    path.unlink()
    assert checked_records(folder).damages == [
        Damage(path, "missing", versions=(1,), shard=published.version.shards[0].key)
    ]
