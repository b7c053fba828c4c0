"""Builds shards of a published version again from the images, if these are still what they were."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.names import unescaped
from storage.plans import read_plan, read_shuffled
from storage.receipts import Receipt, published_receipt, write_published_receipt
from storage.versions import Version, VersionShard
from tasks.ops.pixel_libraries import pixel_libraries, with_changes
from tasks.ops.shard_building import NotReproduced, Promised, ShardJob, rebuild_shard
from tasks.ops.shard_jobs import shard_jobs
from tasks.ops.shard_pool import build_shards


def rebuilt_shards(
    folder: DatasetFolder,
    version: Version,
    shards: Sequence[VersionShard],
    *,
    scratch: Path,
    source: Path | None,
    workers: int,
) -> Iterator[tuple[str, str | None]]:
    """Build `shards` of `version` again; yield the key of each and why it could not be done, None where it was."""
    if not shards:
        return
    try:
        plan, shuffled = read_plan(folder, version.plan), read_shuffled(folder, version.plan)
    except (DamagedDataset, FileNotFoundError) as error:
        yield from ((shard.key, f"the plan that names its images is lost: {error}") for shard in shards)
        return
    root = source or Path(plan.source.root)
    if not root.is_dir():
        yield from ((shard.key, f"the source {root} is gone; if the images moved, give --source") for shard in shards)
        return
    promised = {shard.key: _promised(folder, shard) for shard in shards}
    planned = tuple(shard for shard in plan.shards if shard.key in promised)
    jobs = []
    for job in shard_jobs(folder, plan, shuffled, planned, {}, scratch):
        found = _as_it_is_now(replace(job, source=root, promised=promised[job.key]))
        if isinstance(found, str):
            yield job.key, found
        else:
            jobs.append(found)
    for result in build_shards(jobs, workers=workers, work=rebuild_shard):
        yield result.key, _outcome(folder, version, result)


def _promised(folder: DatasetFolder, shard: VersionShard) -> Promised:
    digests = tuple(stored.digest for stored in shard.objects)
    try:
        receipt = published_receipt(folder, shard.key, shard.identity)
    except DamagedDataset:
        return Promised(shard.identity, digests)
    settled = {refused.position: (refused, receipt.sources[refused.position]) for refused in receipt.refused}
    return Promised(shard.identity, digests, settled, receipt.sources)


def _as_it_is_now(job: ShardJob) -> ShardJob | str:
    """Return the job with sizes and times as they are now (the hashes decide), or which source is gone."""
    sizes, times = list(job.sizes), list(job.mtimes_ns)
    settled = job.promised.settled if job.promised else {}
    for position, name in enumerate(job.names):
        if position in settled:
            continue
        try:
            found = os.lstat(os.path.join(os.fsencode(job.source), unescaped(name)))
        except OSError as error:
            if job.promised is None or not job.promised.sources:
                # Nobody knows whether it was missing then, too: the identity will tell.
                continue
            return f"the source {job.source}/{name} is gone: {error.strerror}; if the images moved, give --source"
        sizes[position], times[position] = found.st_size, found.st_mtime_ns
    return replace(job, sizes=tuple(sizes), mtimes_ns=tuple(times))


def _outcome(folder: DatasetFolder, version: Version, result: Receipt | NotReproduced) -> str | None:
    if isinstance(result, NotReproduced):
        return with_changes(result.why, version.parameters.libraries, pixel_libraries())
    try:
        published_receipt(folder, result.key, result.identity)
    except DamagedDataset:
        write_published_receipt(folder, result)
    return None
