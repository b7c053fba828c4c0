"""Plans: two listings and a record, under the hash of what they say."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from blake3 import blake3

from storage.errors import DamagedDataset, UnreadableRecord
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from storage.plans import (
    LISTING_SCHEMA,
    PLAN_FILES,
    SHUFFLED_SCHEMA,
    Plan,
    PlannedShard,
    PlanSettings,
    SourceTree,
    read_plan,
    read_shuffled,
    receipts_of,
    require_whole_plan,
    write_plan,
)
from storage.receipts import Receipt, write_receipt
from storage.records import write_record
from tests.storage.damaged_files import as_of_format

ROWS = {
    "name": ["dog/2.jpg", "cat/1.jpg", "cat/3.jpg"],
    "class": ["dog", "cat", "cat"],
    "size": [20, 10, 30],
    "mtime_ns": [2**60, 1, 3],
    "label": [1, 0, 0],
    "shard": [0, 0, 1],
}

WRITER = """
import sys
from pathlib import Path
import msgspec, pyarrow.parquet as pq
from storage.layout import DatasetFolder
from storage.plans import Plan, write_plan
folder = DatasetFolder(Path(sys.argv[1]))
plan = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Plan)
table = pq.read_table(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
print(write_plan(folder, plan, table))
"""


@pytest.fixture
def plan(parameters: Parameters) -> Plan:
    settings = PlanSettings(parameters, seed=7, rows_per_shard=2, selection="all")
    shards = (PlannedShard("1" * 64, 0, 2), PlannedShard("2" * 64, 2, 1))
    return Plan("photos", SourceTree("/images", None), settings, ("cat", "dog"), shards)


@pytest.fixture
def shuffled() -> pa.Table:
    return pa.table(ROWS, schema=SHUFFLED_SCHEMA)


def test_a_plan_comes_back_with_its_listing(folder: DatasetFolder, plan: Plan, shuffled: pa.Table):
    write_plan(folder, plan, shuffled)
    assert read_plan(folder, plan.identity) == plan
    assert read_shuffled(folder, plan.identity).equals(shuffled)
    assert plan.listed == 3


def test_the_listings_are_plain_parquet_one_sorted_and_one_shuffled(folder: DatasetFolder, plan: Plan, shuffled):
    path = write_plan(folder, plan, shuffled)
    assert sorted(os.listdir(path)) == ["listings.json", "plan.json", "shuffled.parquet", "sorted.parquet"]
    listed = json.loads((path / "listings.json").read_bytes())["body"]
    digests = {name: blake3((path / f"{name}.parquet").read_bytes()).hexdigest() for name in ("sorted", "shuffled")}
    assert listed == {"plan": plan.identity, **digests}
    assert pq.read_table(path / "shuffled.parquet").to_pydict() == ROWS
    by_name = sorted(zip(*(ROWS[name] for name in LISTING_SCHEMA.names), strict=True))
    assert [tuple(row.values()) for row in pq.read_table(path / "sorted.parquet").to_pylist()] == by_name
    assert os.listdir(folder.path / "plans") == [plan.identity]


def test_a_plan_that_is_there_is_left_as_it_is(folder: DatasetFolder, plan: Plan, shuffled: pa.Table):
    path = write_plan(folder, plan, shuffled)
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    assert write_plan(folder, plan, shuffled) == path
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before


def test_processes_that_write_the_same_plan_at_once_all_succeed(
    folder: DatasetFolder, plan: Plan, shuffled: pa.Table, start_python
):
    (folder.tmp / "plan").write_bytes(msgspec.json.encode(plan))
    pq.write_table(shuffled, folder.tmp / "table")
    writers = [start_python(WRITER, folder.path, folder.tmp / "plan", folder.tmp / "table") for _ in range(3)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        assert writer.communicate(timeout=60)[0].strip() == str(folder.plan(plan.identity))
        assert writer.returncode == 0
    assert os.listdir(folder.path / "plans") == [plan.identity]
    assert read_plan(folder, plan.identity) == plan


def test_the_identity_covers_whatever_decides_a_version(plan: Plan):
    others = [
        replace(plan, classes=("cat",)),
        replace(plan, source=SourceTree("/other", None)),
        replace(plan, shards=plan.shards[:1]),
        replace(plan, settings=replace(plan.settings, seed=8)),
        replace(plan, settings=replace(plan.settings, parameters=replace(plan.settings.parameters, fidelity="fast"))),
    ]
    assert len({plan.identity, *(other.identity for other in others)}) == 6
    assert replace(plan).identity == plan.identity


def test_a_failed_plan_leaves_nothing_behind(folder: DatasetFolder, plan: Plan, shuffled: pa.Table):
    with pytest.raises(KeyError):
        write_plan(folder, plan, shuffled.drop_columns(["mtime_ns"]))
    assert os.listdir(folder.path / "plans") == []


def test_an_unknown_plan_a_damaged_one_and_a_record_of_another_kind_are_told_apart(
    folder: DatasetFolder, plan: Plan, shuffled: pa.Table, flip_bit
):
    with pytest.raises(FileNotFoundError):
        read_plan(folder, "0" * 32)
    path = write_plan(folder, plan, shuffled)
    flip_bit(path / "plan.json", 300)
    with pytest.raises(DamagedDataset, match=r"plan\.json"):
        read_plan(folder, plan.identity)
    write_record(path / "plan.json", "listing", plan)
    with pytest.raises(DamagedDataset, match="should hold a plan, it holds a listing"):
        read_plan(folder, plan.identity)
    write_record(path / "plan.json", "plan", plan)
    (path / "plan.json").write_bytes(as_of_format((path / "plan.json").read_bytes(), "plan", 3))
    with pytest.raises(UnreadableRecord, match="this version of imagemill reads a plan of format 2"):
        read_plan(folder, plan.identity)


def test_a_listing_that_is_cut_short_or_of_other_columns_is_damage_and_a_missing_one_is_missing(
    folder: DatasetFolder, plan: Plan, shuffled: pa.Table
):
    path = write_plan(folder, plan, shuffled) / "shuffled.parquet"
    told = rf"{re.escape(str(path))} is not the listing that was planned"
    pq.write_table(shuffled.drop_columns(["label"]), path)
    with pytest.raises(DamagedDataset, match=told) as raised:
        read_shuffled(folder, plan.identity)
    assert raised.value.path == path
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(DamagedDataset, match=told):
        read_shuffled(folder, plan.identity)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"shuffled\.parquet"):
        read_shuffled(folder, plan.identity)


def test_every_flipped_byte_of_a_listing_is_noticed(
    folder: DatasetFolder, plan: Plan, shuffled: pa.Table, flip_bit: Callable[..., None]
):
    place = write_plan(folder, plan, shuffled)
    for path in (place / "shuffled.parquet", place / "sorted.parquet"):
        for offset in range(0, path.stat().st_size, 29):
            flip_bit(path, offset, offset % 8)
            with pytest.raises(DamagedDataset, match=rf"{path.name} is not the listing that was planned"):
                require_whole_plan(folder, plan.identity)
            flip_bit(path, offset, offset % 8)
    assert require_whole_plan(folder, plan.identity) == plan


@pytest.mark.parametrize("name", PLAN_FILES)
def test_a_plan_with_a_lost_or_damaged_file_is_not_whole_and_is_written_anew(
    name: str, folder: DatasetFolder, plan: Plan, shuffled: pa.Table, flip_bit: Callable[..., None]
):
    path = write_plan(folder, plan, shuffled) / name
    sound = path.read_bytes()
    for spoil in (path.unlink, lambda: flip_bit(path, len(sound) // 2)):
        spoil()
        with pytest.raises((DamagedDataset, FileNotFoundError), match=re.escape(name)):
            require_whole_plan(folder, plan.identity)
        write_plan(folder, plan, shuffled)
        assert path.read_bytes() == sound
        assert os.listdir(folder.path / "plans") == [plan.identity]


def test_a_plan_in_the_folder_of_another_is_damage(folder: DatasetFolder, plan: Plan, shuffled: pa.Table):
    other = replace(plan, settings=replace(plan.settings, seed=8))
    mine, theirs = write_plan(folder, plan, shuffled), write_plan(folder, other, shuffled)
    (mine / "plan.json").write_bytes((theirs / "plan.json").read_bytes())
    with pytest.raises(DamagedDataset, match=r"plan\.json is another plan") as raised:
        read_plan(folder, plan.identity)
    assert (raised.value.need, raised.value.have) == (plan.identity, other.identity)


def test_a_plan_that_is_worked_on_again_looks_as_young_as_if_it_were_new(
    folder: DatasetFolder, plan: Plan, shuffled: pa.Table
):
    path = write_plan(folder, plan, shuffled)
    os.utime(path, (0, 0))
    write_plan(folder, plan, shuffled)
    assert path.stat().st_mtime > 0


def test_receipts_come_in_the_order_of_the_plan_and_a_missing_one_is_told(folder: DatasetFolder, plan: Plan):
    receipts = [Receipt(shard.key, "a" * 64, 0, (), "b" * 64, (), (), 0.0) for shard in plan.shards]
    write_receipt(folder, receipts[1])
    with pytest.raises(FileNotFoundError, match=plan.shards[0].key):
        list(receipts_of(folder, plan))
    write_receipt(folder, receipts[0])
    assert list(receipts_of(folder, plan)) == list(zip(plan.shards, receipts, strict=True))
