"""From a plan to the jobs of its shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from storage.layout import DatasetFolder
from storage.plans import Plan, PlannedShard
from tasks.ops.shard_building import ShardJob


def shard_jobs(
    folder: DatasetFolder,
    plan: Plan,
    shuffled: pa.Table,
    shards: tuple[PlannedShard, ...],
    former_keys: dict[str, str],
    scratch: Path,
) -> Iterator[ShardJob]:
    """Yield what a worker needs to know to build each of `shards`."""
    for shard in shards:
        rows = shuffled.slice(shard.first, shard.count)
        yield ShardJob(
            folder=folder,
            scratch=scratch,
            source=Path(plan.source.root),
            parameters=plan.settings.parameters,
            key=shard.key,
            names=tuple(rows["name"].to_pylist()),
            labels=tuple(rows["label"].to_pylist()),
            sizes=tuple(rows["size"].to_pylist()),
            mtimes_ns=tuple(rows["mtime_ns"].to_pylist()),
            predecessor=former_keys.get(shard.key),
        )
