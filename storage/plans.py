"""What a version will be made of, fixed before the first image is opened.

A plan is a folder: `plan.json`, and the listing twice as Parquet, sorted by name and in the shuffled order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from storage.durable import partial_name, remove, sync_folder, sync_object
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from storage.parquet import read_table, write_table
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
        return final
    remove(final)
    partial = partial_name(final)
    partial.mkdir(parents=True)
    try:
        write_table(partial / "shuffled.parquet", shuffled)
        by_name = shuffled.select(LISTING_SCHEMA.names).sort_by("name")
        write_table(partial / "sorted.parquet", by_name)
        write_record(partial / "plan.json", "plan", plan)
        sync_object(partial)
        partial.rename(final)
    except OSError:
        # Another run stored the same plan meanwhile.
        if not final.is_dir():
            raise
    finally:
        remove(partial)
    sync_folder(final.parent)
    return final


def _is_whole(folder: DatasetFolder, plan: Plan) -> bool:
    try:
        return read_plan(folder, plan.identity) == plan and read_shuffled(folder, plan.identity).num_rows == plan.listed
    except (DamagedDataset, FileNotFoundError):
        return False


def read_plan(folder: DatasetFolder, identity: str) -> Plan:
    """Read a plan's record.

    Raises:
        FileNotFoundError: there is none of that identity.
        DamagedDataset: its bytes changed.
        UnreadableRecord: another version of this code wrote it.
    """
    return read_record(folder.plan(identity) / "plan.json", "plan", Plan)


def read_shuffled(folder: DatasetFolder, identity: str) -> pa.Table:
    """Read a plan's shuffled listing, columns as in `SHUFFLED_SCHEMA`."""
    return read_table(folder.plan(identity) / "shuffled.parquet", SHUFFLED_SCHEMA)
