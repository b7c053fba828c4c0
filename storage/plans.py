"""What a version will be made of, fixed before the first image is opened.

A plan is a folder: `plan.json`, the listing twice as Parquet, sorted by name and in the shuffled order, and the
hashes of both in `listings.json`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from storage.digests import object_digest
from storage.durable import partial_name, remove, sync_folder, sync_object
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from storage.parquet import read_table, write_table
from storage.plain_files import require_folder
from storage.receipts import Receipt, read_receipt
from storage.records import fingerprint, read_record, write_record

LISTING_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("class", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
    ]
)
"""A listing: the escaped path below the source's root, the class, bytes, and the time of the last change."""

SHUFFLED_SCHEMA = pa.schema([*LISTING_SCHEMA, ("label", pa.int64()), ("shard", pa.int64())])
"""A shuffled listing adds the class's number and the shard; rows stand in the order in which they are stored."""

PLAN_LISTINGS = ("sorted.parquet", "shuffled.parquet")
PLAN_FILES = ("plan.json", "listings.json", *PLAN_LISTINGS)


@dataclass(frozen=True, slots=True)
class ListingDigests:
    """The BLAKE3 of the two Parquet files of `plan`, kept in `listings.json`: Parquet notices few flipped bits."""

    plan: str
    sorted: str
    shuffled: str


@dataclass(frozen=True, slots=True)
class SourceTree:
    """Where images come from: the root folder, and a labels file where the folder is flat."""

    root: str
    labels: str | None


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """`count` rows of the shuffled listing from row `first` on; `key` hashes them with the parameters."""

    key: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What a job decides of a plan. A plan builds on a former one only where these are equal."""

    parameters: Parameters
    seed: int
    rows_per_shard: int
    selection: str
    """Fingerprint of what the job picks from the source (limit, manifest)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a version, besides the bytes of the images."""

    dataset: str
    source: SourceTree
    settings: PlanSettings
    classes: tuple[str, ...]
    shards: tuple[PlannedShard, ...]

    @property
    def identity(self) -> str:
        """The hash under which the plan is kept."""
        return fingerprint(self)[:32]

    @property
    def listed(self) -> int:
        return sum(shard.count for shard in self.shards)


def write_plan(folder: DatasetFolder, plan: Plan, shuffled: pa.Table) -> Path:
    """Store a plan with its two listings, durably; return its folder. One that is there and whole is left alone."""
    final = folder.plan(plan.identity)
    if _is_whole(folder, plan):
        # Somebody works on it again: gc must not take it for given up.
        os.utime(final)
        return final
    partial = partial_name(final)
    partial.mkdir(parents=True)
    try:
        write_table(partial / "shuffled.parquet", shuffled)
        by_name = shuffled.select(LISTING_SCHEMA.names).sort_by("name")
        write_table(partial / "sorted.parquet", by_name)
        write_record(partial / "listings.json", "listings", _digests_in(partial, plan.identity))
        write_record(partial / "plan.json", "plan", plan)
        sync_object(partial)
        _put(folder, plan, partial)
    finally:
        remove(partial)
    sync_folder(final.parent)
    return final


def _put(folder: DatasetFolder, plan: Plan, partial: Path) -> None:
    """Give a plan its name, unless another run has stored the same plan meanwhile; a damaged one makes way."""
    final = folder.plan(plan.identity)
    try:
        partial.rename(final)
    except OSError:
        if _is_whole(folder, plan):
            return
        if not os.path.lexists(final):
            # There is nothing in the way: it is the disk.
            raise
        aside = partial_name(final)
        final.rename(aside)
        partial.rename(final)
        remove(aside)


def _is_whole(folder: DatasetFolder, plan: Plan) -> bool:
    try:
        require_whole_plan(folder, plan.identity)
    except (DamagedDataset, FileNotFoundError):
        return False
    return True


def require_whole_plan(folder: DatasetFolder, identity: str) -> Plan:
    """Check the record of a plan and both its listings; return it.

    Raises:
        DamagedDataset, FileNotFoundError: one of its files is not what was written, or is missing.
    """
    plan = read_plan(folder, identity)
    place = folder.plan(identity)
    recorded = _read_digests(place, identity)
    for name, need in zip(PLAN_LISTINGS, (recorded.sorted, recorded.shuffled), strict=True):
        _require_listing(place / name, need)
    return plan


def _digests_in(place: Path, identity: str) -> ListingDigests:
    return ListingDigests(identity, *(object_digest(place / name) for name in PLAN_LISTINGS))


def _read_digests(place: Path, identity: str) -> ListingDigests:
    path = place / "listings.json"
    recorded = read_record(path, "listings", ListingDigests)
    if recorded.plan != identity:
        raise DamagedDataset(f"{path} is that of another plan", path=path, need=identity, have=recorded.plan)
    return recorded


def _require_listing(path: Path, need: str) -> None:
    if (have := object_digest(path)) != need:
        raise DamagedDataset(f"{path} is not the listing that was planned", path=path, need=need, have=have)


def read_plan(folder: DatasetFolder, identity: str) -> Plan:
    """Read a plan's record.

    Raises:
        FileNotFoundError: there is none of that identity.
        DamagedDataset: its bytes changed.
        UnreadableRecord: another version of this code wrote it.
    """
    path = _own_place(folder, identity) / "plan.json"
    plan = read_record(path, "plan", Plan)
    if plan.identity != identity:
        raise DamagedDataset(f"{path} is another plan", path=path, need=identity, have=plan.identity)
    return plan


def _own_place(folder: DatasetFolder, identity: str) -> Path:
    """Return the folder of a plan, which is no link to another."""
    place = folder.plan(identity)
    require_folder(place)
    return place


def read_shuffled(folder: DatasetFolder, identity: str) -> pa.Table:
    """Read a plan's shuffled listing, columns as in `SHUFFLED_SCHEMA`.

    Raises:
        FileNotFoundError: there is none.
        DamagedDataset: its bytes changed.
    """
    place = _own_place(folder, identity)
    _require_listing(place / "shuffled.parquet", _read_digests(place, identity).shuffled)
    return read_table(place / "shuffled.parquet", SHUFFLED_SCHEMA)


def receipts_of(folder: DatasetFolder, plan: Plan) -> Iterator[tuple[PlannedShard, Receipt]]:
    """Yield each shard of a plan with its receipt, one in memory at a time.

    Raises:
        FileNotFoundError: a shard is not built.
    """
    for shard in plan.shards:
        yield shard, read_receipt(folder, shard.key)
