"""Garbage: what nobody needs goes, and nothing else. What is needed is worked out here from the JSON on disk alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import DamagedDataset
from storage.garbage import GRACE, Garbage, find_garbage, move_to_trash
from storage.layout import DatasetFolder
from storage.pins import pin
from storage.plans import Plan, PlannedShard, read_plan, read_shuffled, write_plan
from storage.publishing import publish
from storage.receipts import read_receipt, write_receipt
from storage.verification import verified
from storage.versions import read_version
from tests.storage.aged_versions import age, aged, all_of, body, objects_of, receipts_of
from tests.storage.damaged_files import on_disk, paths_of
from tests.storage.random_versions import Published, copied, stored_bytes

GROWING = ((2,), (2, 1), (2, 1, 3))
APART = ((2,), (3,), (4,))
NO_GRACE = timedelta(0)


@pytest.fixture
def growing(prepublished: Callable[..., Published]) -> Published:
    """Three versions, each with a shard more than the one before; all of it is a month old."""
    return aged(prepublished("bcolz", *GROWING))


@pytest.fixture
def apart(prepublished: Callable[..., Published]) -> Published:
    """Three versions that share no shard; all of it is a month old."""
    return aged(prepublished("bcolz", *APART))


def garbage_of(folder: DatasetFolder, *, keep: int | None = None, grace: timedelta = GRACE) -> set[Path]:
    found = find_garbage(folder, keep=keep, grace=grace)
    assert len({item.path for item in found}) == len(found)
    return {item.path for item in found}


# ---- What is garbage


@pytest.mark.parametrize("keep", [None, 3, 4, 100])
def test_a_dataset_of_which_every_version_is_kept_has_no_garbage(growing: Published, keep: int | None):
    assert garbage_of(growing.folder, keep=keep, grace=NO_GRACE) == set()


@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize("versions", [GROWING, APART])
def test_of_older_versions_all_goes_that_no_later_one_shares(
    prepublished: Callable[..., Published], versions: tuple[tuple[int, ...], ...], keep: int
):
    folder = aged(prepublished("bcolz", *versions)).folder
    gone, kept = range(1, 4 - keep), range(4 - keep, 4)
    needed = set().union(*(all_of(folder, number) for number in kept))
    assert garbage_of(folder, keep=keep) == set().union(*(all_of(folder, number) for number in gone)) - needed


def test_each_thing_is_told_with_its_bytes_and_why_it_goes(growing: Published):
    folder = growing.folder
    found = {item.path: item for item in find_garbage(folder, keep=1)}
    record = found[folder.version(1)]
    assert (record.bytes, record.why) == (folder.version(1).stat().st_size, "an older version than those to keep")
    assert found[paths_of(folder.path, "spare")[0]].why == "the spare of an older version than those to keep"
    plan = found[folder.path / "plans" / body(folder.version(1))["plan"]]
    assert plan.bytes == sum(file.stat().st_size for file in plan.path.iterdir())
    assert {item.why for item in found.values() if item.path.parent == folder.objects} == {
        "no version and no live plan names it"
    }


def test_spares_go_before_versions_and_versions_before_what_they_name(growing: Published):
    parts = [item.path.parent.name for item in find_garbage(growing.folder, keep=1)]
    assert parts == sorted(parts, key=["spares", "versions", "plans", "receipts", "objects", "refused"].index)
    assert {"spares", "versions", "plans", "objects"} <= set(parts)


def test_what_runs_that_died_left_behind_goes(growing: Published):
    folder = growing.folder
    left = [
        folder.objects / f"8-{'0' * 64}.bcolz",
        folder.path / "receipts" / f"{'1' * 64}.json",
        folder.path / "receipts" / f"{growing.version.shards[0].key}.{'2' * 16}.json",
        folder.versions / f"00000004.json.{'3' * 32}.partial",
        folder.spares / f"00000003-{'4' * 64}.zip.{'5' * 32}.partial",
        folder.path / "plans" / f"{'6' * 32}.{'7' * 32}.partial",
        folder.path / "plans" / ("8" * 32),
        folder.path / "refused" / f"{'8' * 32}.csv",
        folder.objects / "a-link",
    ]
    for path in left:
        if path.suffix in (".json", ".csv", ".partial", ".zip") and path.parent.name != "plans":
            path.write_bytes(b"half")
        elif path.name == "a-link":
            path.symlink_to("/nowhere")
        else:
            path.mkdir()
            (path / "half").write_bytes(b"half")
        age(path, days=8)
    assert garbage_of(growing.folder) == set(left)
    move_to_trash(folder, find_garbage(folder, keep=None), keep=None, grace=GRACE)
    assert garbage_of(growing.folder) == set()
    assert verified(growing.tiers, "photos", share=1.0).is_whole


def test_a_receipt_that_was_superseded_stays_while_a_version_stands_on_it(growing: Published):
    folder, shard = growing.folder, growing.version.shards[2]
    write_receipt(folder, replace(read_receipt(folder, shard.key), identity="e" * 64, rows=0, arrays=()))
    aged(growing)
    assert garbage_of(folder) == set()
    folder.version(3).unlink()
    paths_of(folder.path, "spare")[2].unlink()
    assert folder.former_receipt(shard.key, shard.identity) in garbage_of(folder)


# ---- What is young


def test_nothing_younger_than_the_grace_period_goes(growing: Published):
    folder = growing.folder
    loose = stored_bytes(folder, b"loose", prefix="rows", suffix=".parquet")
    assert garbage_of(folder) == set()
    age(folder.objects / loose.name, days=6.9)
    assert garbage_of(folder) == set()
    age(folder.objects / loose.name, days=7.1)
    assert garbage_of(folder) == {folder.objects / loose.name}
    assert garbage_of(folder, grace=timedelta(days=8)) == set()


@pytest.mark.parametrize("part", ["versions", "spares"])
def test_a_young_version_stays_with_all_that_it_names_however_old_that_is(apart: Published, part: str):
    folder = apart.folder
    needed = all_of(folder, 2) | all_of(folder, 3)
    age(folder.version(2) if part == "versions" else paths_of(folder.path, "spare")[1], days=1)
    assert garbage_of(folder, keep=1) == all_of(folder, 1) - needed


def test_no_gap_is_left_between_versions(apart: Published):
    folder = apart.folder
    age(folder.version(1), days=1)
    assert garbage_of(folder, keep=1) == set()
    move_to_trash(folder, find_garbage(folder, keep=1), keep=1, grace=GRACE)
    assert verified(apart.tiers, "photos", share=0.0).is_whole


# ---- Plans that somebody works on


@pytest.fixture
def planned(growing: Published) -> Plan:
    """A plan of the second version's first shard and two more, of which one has a receipt; a month old."""
    folder = growing.folder
    former = read_plan(folder, growing.version.plan)
    receipt = replace(read_receipt(folder, former.shards[2].key), key="c" * 64, arrays=(), rows=0, sources=())
    write_receipt(folder, receipt)
    shards = (former.shards[0], PlannedShard("c" * 64, 2, 0), PlannedShard("d" * 64, 2, 4))
    plan = replace(former, shards=shards)
    write_plan(folder, plan, read_shuffled(folder, former.identity))
    (folder.path / "refused" / f"{plan.identity}.csv").write_bytes(b"name,reason,detail\n")
    aged(growing)
    return plan


def test_a_plan_that_was_given_up_goes_with_what_it_alone_needs(growing: Published, planned: Plan):
    folder = growing.folder
    assert garbage_of(folder) == {
        folder.plan(planned.identity),
        folder.receipt("c" * 64),
        folder.path / "refused" / f"{planned.identity}.csv",
    }


@pytest.mark.parametrize("young", ["the plan", "a receipt of its own", "a receipt that it shares"])
def test_a_plan_lives_while_it_or_one_of_its_receipts_is_young(growing: Published, planned: Plan, young: str):
    folder = growing.folder
    path = {
        "the plan": folder.plan(planned.identity),
        "a receipt of its own": folder.receipt("c" * 64),
        "a receipt that it shares": folder.receipt(planned.shards[0].key),
    }[young]
    age(path, days=1)
    assert garbage_of(folder) == set()


def test_a_live_plan_keeps_the_objects_that_it_has_built_though_no_version_names_them(apart: Published):
    folder = apart.folder
    plan = body(folder.version(1))["plan"]
    age(folder.plan(plan), days=1)
    arrays = {path for path in objects_of(folder, 1) if path.name[0] in "84"}
    assert len(arrays) == 2
    kept = {folder.plan(plan)} | arrays | receipts_of(folder, 1)
    assert garbage_of(folder, keep=1) == (all_of(folder, 1) | all_of(folder, 2)) - all_of(folder, 3) - kept


def test_a_plan_that_cannot_be_read_is_nobodys(growing: Published, planned: Plan):
    folder = growing.folder
    (folder.plan(planned.identity) / "plan.json").write_bytes(b"{}")
    assert folder.plan(planned.identity) not in garbage_of(folder, grace=timedelta(days=31))
    age(folder.plan(planned.identity), days=8)
    assert folder.plan(planned.identity) in garbage_of(folder)


# ---- Readers


def test_what_a_reader_has_pinned_stays_until_it_lets_go(apart: Published):
    folder = apart.folder
    before = garbage_of(folder, keep=1)
    array = next(path for path in objects_of(folder, 1) if path.name.startswith("8-"))
    with pin(folder, 2, [array.name]):
        assert garbage_of(folder, keep=1) == all_of(folder, 1) - all_of(folder, 2) - all_of(folder, 3) - {array}
        move_to_trash(folder, find_garbage(folder, keep=1), keep=1, grace=GRACE)
        assert array.exists()
        assert verified(apart.tiers, "photos", share=1.0).is_whole
    assert garbage_of(folder, keep=1) == {path for path in before if path.exists()}


def test_a_pinned_version_leaves_no_gap_above_it(apart: Published):
    with pin(apart.folder, 1, []):
        assert garbage_of(apart.folder, keep=1) == set()


def test_a_pin_on_what_is_long_gone_holds_nothing(apart: Published):
    before = garbage_of(apart.folder, keep=1)
    with pin(apart.folder, 77, ["8-gone.h5"]):
        assert garbage_of(apart.folder, keep=1) == before


# ---- What nobody can tell


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{}")], ids=["lost", "damaged"])
@pytest.mark.parametrize("number", [2, 3])
def test_while_a_version_to_keep_cannot_be_read_nothing_goes(
    growing: Published, spoil: Callable[[Path], object], number: int
):
    folder = growing.folder
    spoil(folder.version(number))
    before = on_disk(folder.path)
    told = rf"{folder.version(number)} cannot be read, so nobody knows what it needs\. Run: imagemill repair photos"
    for keep in (None, 2):
        with pytest.raises(DamagedDataset, match=told):
            find_garbage(folder, keep=keep)
    assert on_disk(folder.path) == before


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{}")], ids=["lost", "damaged"])
def test_a_version_that_is_not_to_be_kept_need_not_be_readable(apart: Published, spoil: Callable[[Path], object]):
    folder = apart.folder
    expected = (all_of(folder, 1) | all_of(folder, 2)) - all_of(folder, 3)
    spoil(folder.version(1))
    aged(apart)
    assert garbage_of(folder, keep=1) == {path for path in expected if path.exists()}


# ---- Beside a run that no lock keeps away


def test_what_was_taken_over_before_it_is_moved_stays(growing: Published):
    folder = growing.folder
    garbage = find_garbage(folder, keep=1)
    taken = garbage[-1].path
    os.utime(taken)
    move_to_trash(folder, garbage, keep=1, grace=GRACE)
    assert taken.exists()
    assert not garbage[0].path.exists()


def test_what_was_published_before_it_is_moved_stays_whole(apart: Published):
    folder = apart.folder
    garbage = find_garbage(folder, keep=1)
    first = read_version(folder, 1)
    # Another run has come back to what the first version was, and shares all of it.
    again, is_new = publish(folder, replace(first, number=4, parent=3))
    assert (is_new, again.identity) == (True, first.identity)
    move_to_trash(folder, garbage, keep=1, grace=GRACE)
    found = verified(apart.tiers, "photos", share=1.0)
    assert (found.is_whole, found.versions) == (True, (3, 4))


def test_what_is_taken_over_while_it_is_moved_comes_back(apart: Published):
    folder = apart.folder
    arrays = sorted(path for path in objects_of(folder, 1) if path.name[0] in "84")
    held: list[Any] = []

    def one_by_one() -> Iterator[Garbage]:
        for item in find_garbage(folder, keep=1):
            yield item
            if item.path == arrays[0]:
                assert not arrays[0].exists()
                held.append(pin(folder, None, [arrays[0].name]))

    before = {path: on_disk(path) for path in arrays}
    batch = move_to_trash(folder, one_by_one(), keep=1, grace=GRACE)
    assert on_disk(arrays[0]) == before[arrays[0]]
    assert not arrays[1].exists()
    assert not (batch / "objects" / arrays[0].name).exists()
    held[0].close()


# ---- All at once


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keep=st.none() | st.integers(1, 5),
    held=st.sets(st.integers(1, 4)),
    young=st.sets(st.integers(0, 10_000), max_size=6),
    plan_days=st.lists(st.sampled_from([1, 30]), min_size=4, max_size=4),
)
def test_whatever_goes_every_version_that_stays_is_whole(
    published_once: Callable[..., Published],
    fresh: Callable[[], Path],
    keep: int | None,
    held: set[int],
    young: set[int],
    plan_days: list[int],
):
    published = aged(copied(published_once("bcolz", (2,), (2, 1), (3, 1), (3, 1, 2)), fresh()))
    folder = published.folder
    parts = ("versions", "spares", "receipts", "objects")
    paths = sorted(path for part in parts for path in (folder.path / part).iterdir())
    for place in young:
        age(paths[place % len(paths)], days=1)
    for number, days in enumerate(plan_days, start=1):
        age(folder.path / "plans" / body(folder.version(number))["plan"], days=days)
    pins = [pin(folder, number, []) for number in held]
    move_to_trash(folder, find_garbage(folder, keep=keep), keep=keep, grace=GRACE)
    found = verified(published.tiers, "photos", share=1.0)
    assert found.is_whole, [str(damage) for damage in found.damages]
    assert {4, *held, *range(5 - min(keep or 4, 4), 5)} <= set(found.versions)
    after = on_disk(folder.path)
    assert all(str(paths[place % len(paths)]) in after for place in young), "what is young goes never"
    for one in pins:
        one.close()
    shutil.rmtree(published.tiers.slow)
