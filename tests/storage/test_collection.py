"""Garbage is moved as it is, deleted a grace period later, and never beside a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from storage.collection import collect, planned_collection
from storage.errors import DatasetLocked
from storage.garbage import GRACE, empty_trash, find_garbage, find_old_trash, move_to_trash
from storage.locking import dataset_lock
from storage.verification import verified
from tests.storage.aged_versions import age, aged
from tests.storage.damaged_files import on_disk
from tests.storage.random_versions import Published

NO_GRACE = timedelta(0)


@pytest.fixture
def growing(prepublished: Callable[..., Published]) -> Published:
    """Three versions, each with a shard more than the one before; all of it is a month old."""
    return aged(prepublished("bcolz", (2,), (2, 1), (2, 1, 3)))


def test_looking_for_garbage_changes_nothing(growing: Published):
    before = on_disk(growing.tiers.slow)
    planned = planned_collection(growing.folder, keep=1, grace=GRACE)
    assert {item.path for item in planned.garbage} == {item.path for item in find_garbage(growing.folder, keep=1)}
    assert (planned.old_trash, planned.batch) == ((), None)
    assert on_disk(growing.tiers.slow) == before


def test_garbage_is_moved_as_it_is_and_what_stays_is_whole(growing: Published):
    folder = growing.folder
    garbage = find_garbage(folder, keep=1)
    before = {item.path.relative_to(folder.path): on_disk(item.path) or item.path.read_bytes() for item in garbage}
    batch = move_to_trash(folder, garbage, keep=1, grace=GRACE)
    assert batch.parent == folder.trash
    for path, content in before.items():
        assert not (folder.path / path).exists()
        moved = on_disk(batch / path) or (batch / path).read_bytes()
        assert list(moved.values() if isinstance(moved, dict) else [moved]) == list(
            content.values() if isinstance(content, dict) else [content]
        )
    assert find_garbage(folder, keep=1) == []
    found = verified(growing.tiers, "photos", share=1.0)
    assert (found.is_whole, found.versions, found.notes) == (True, (3,), ())


def test_the_trash_is_deleted_a_grace_period_later(growing: Published):
    folder = growing.folder
    first = move_to_trash(folder, find_garbage(folder, keep=2), keep=2, grace=GRACE)
    age(first, days=6.9)
    assert find_old_trash(folder) == []
    age(first, days=7.1)
    second = move_to_trash(folder, find_garbage(folder, keep=1), keep=1, grace=GRACE)
    (old,) = find_old_trash(folder)
    size = sum(path.stat().st_size for path in first.rglob("*") if path.is_file())
    assert (old.path, old.bytes, old.why) == (first, size, "in the trash for longer than the grace period")
    empty_trash([old])
    assert list(folder.trash.iterdir()) == [second]


def test_a_dataset_without_trash_has_none_to_delete(growing: Published):
    assert find_old_trash(growing.folder, grace=NO_GRACE) == []


def test_a_round_deletes_old_trash_and_moves_what_is_garbage_now(growing: Published):
    folder = growing.folder
    first = collect(folder, keep=2, grace=GRACE)
    assert first.batch is not None
    age(first.batch, days=8)
    second = collect(folder, keep=1, grace=GRACE)
    assert [item.path for item in second.old_trash] == [first.batch]
    assert list(folder.trash.iterdir()) == [second.batch]
    assert {item.path for item in second.garbage} == {
        folder.path / path.relative_to(folder.trash).relative_to(path.relative_to(folder.trash).parts[0])
        for path in folder.trash.glob("*/*/*")
    }
    assert collect(folder, keep=1, grace=GRACE).garbage == ()
    assert collect(folder, keep=1, grace=GRACE).batch is None


def test_no_round_begins_beside_a_run(growing: Published):
    before = on_disk(growing.folder.objects)
    with dataset_lock(growing.folder), pytest.raises(DatasetLocked):
        collect(growing.folder, keep=1, grace=GRACE)
    assert on_disk(growing.folder.objects) == before
