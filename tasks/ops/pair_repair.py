"""Makes lost pairs again: good arrays from the dataset that they are shared with, bad ones from the good rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path

import numpy as np

from storage.array_formats import array_format, chunk_ranges, rows_per_crc
from storage.digests import chunk_crc
from storage.errors import DamagedDataset, named_disk_errors
from storage.layout import DatasetFolder
from storage.pair_versions import GOOD, PairVersion
from storage.receipts import (
    Receipt,
    ShardArray,
    find_receipt,
    is_whole_object,
    published_receipt,
    write_published_receipt,
)
from storage.row_tables import read_rows_table
from storage.sharing import share_object
from storage.tiers import Tiers
from storage.versions import VersionShard
from tasks.ops.pair_building import PairShardJob, bad_array, pair_receipt
from tasks.ops.pair_recipe_tables import recipe_from_canonical
from tasks.ops.pixel_libraries import pair_libraries, with_changes
from tasks.ops.row_restorer import restorer_in
from tasks.ops.shard_building import DecodingGuard, NotReproduced
from tasks.ops.shard_pool import build_shards


def rebuilt_pairs(
    tiers: Tiers,
    folder: DatasetFolder,
    version: PairVersion,
    shards: Sequence[VersionShard],
    *,
    scratch: Path,
    workers: int,
    also_whole: bool = False,
) -> Iterator[tuple[str, str | None]]:
    """Make `shards` of `version` again; yield the key of each and why it could not be done, None where it was.

    One that lacked its good rows alone is whole with them: it is not made again, unless `also_whole`.
    """
    if not shards:
        return
    kept = []
    for shard in shards:
        if why := _lacking_good(tiers, folder, version, shard, scratch):
            yield shard.key, why
        elif not also_whole and _is_whole(folder, shard):
            yield shard.key, None
        else:
            kept.append(shard)
    yield from _made_again(folder, version, kept, scratch, workers)


def require_no_model(folder: DatasetFolder, version: PairVersion) -> None:
    """Raise ValueError if a model made the bad images: only where it is can they be made again."""
    if restorer_in(version.recipe) is not None:
        raise ValueError(_by_a_model(folder, version))


def remake_pairs(job: PairShardJob, guard: DecodingGuard) -> Receipt | NotReproduced:
    """Make the bad rows of a shard again that was published; store them only if they are the same to the bit.

    The receipt that is returned is not written.
    """
    started = time.process_time()
    if job.good is None or job.promised is None:
        return pair_receipt(job, (), started)
    with named_disk_errors(job.folder.path, doing=f"pairs {job.key[:12]} were made again"):
        bad = bad_array(job, job.good)
        if bad.digest() != job.promised:
            why = "the same good images give other bad ones: a library that decides them has changed"
            return NotReproduced(job.key, why)
        return pair_receipt(job, (job.good, bad.published(job.folder)), started)


def _lacking_good(
    tiers: Tiers, folder: DatasetFolder, version: PairVersion, shard: VersionShard, scratch: Path
) -> str | None:
    """See to it that the good rows of a shard are there; return why they cannot be."""
    origin = tiers.authority(version.origin.dataset)
    for good in shard.objects[: GOOD + 1]:
        if is_whole_object(folder, good):
            continue
        if not is_whole_object(origin, good):
            remedy = f"; if it can be repaired, run first: imagemill repair {origin.name}"
            return f"its good images are {origin.objects / good.name}, which is damaged or gone, too{remedy}"
        share_object(origin, folder, good, scratch)
    return None


def _made_again(
    folder: DatasetFolder, version: PairVersion, shards: Sequence[VersionShard], scratch: Path, workers: int
) -> Iterator[tuple[str, str | None]]:
    if restorer_in(version.recipe) is not None:
        yield from ((shard.key, _by_a_model(folder, version)) for shard in shards)
        return
    try:
        jobs = list(_jobs(folder, version, shards, scratch))
    except (DamagedDataset, ValueError) as error:
        yield from ((shard.key, f"nobody knows any more how they were made: {error}") for shard in shards)
        return
    for result in build_shards(jobs, workers=workers, work=remake_pairs):
        yield result.key, _outcome(folder, version, result)


def _by_a_model(folder: DatasetFolder, version: PairVersion) -> str:
    return (
        f"its bad images were restored by {version.recipe_name}: where that model is, make them again with: "
        f"imagemill restore-rows {version.origin.dataset} --model {version.recipe_name} --name {folder.name}, after "
        "what is damaged was deleted"
    )


def _is_whole(folder: DatasetFolder, shard: VersionShard) -> bool:
    proved = find_receipt(folder, shard.key) is not None
    return proved and all(is_whole_object(folder, stored) for stored in shard.objects)


def _jobs(
    folder: DatasetFolder, version: PairVersion, shards: Sequence[VersionShard], scratch: Path
) -> Iterator[PairShardJob]:
    recipe = recipe_from_canonical(version.recipe, name=version.recipe_name)
    table = read_rows_table(folder.objects / version.table.name, rows=version.stored, classes=len(version.classes))
    starts = accumulate((shard.rows for shard in version.shards), initial=0)
    for shard, first in zip(version.shards, starts, strict=False):
        if shard not in shards:
            continue
        rows = table.slice(first, shard.rows)
        good, bad = shard.objects or (None, None)
        yield PairShardJob(
            folder=folder,
            scratch=scratch,
            key=shard.key,
            # It has the good rows itself by now.
            origin=folder,
            good=_array_of(folder, version, shard) if good else None,
            array_format=version.array_format,
            recipe=recipe,
            bad_side=version.bad_side,
            labels=rows["label"].to_numpy(),
            ids=rows["id"].to_numpy(),
            sources=tuple(rows["source"].to_pylist()),
            promised=bad.digest if bad else None,
        )


def _array_of(folder: DatasetFolder, version: PairVersion, shard: VersionShard) -> ShardArray:
    """Return what the receipt of a shard says of its good rows, worked out from them where it is lost."""
    try:
        return published_receipt(folder, shard.key, shard.identity).arrays[GOOD]
    except DamagedDataset:
        stored, side = shard.objects[GOOD], version.origin.side
    covered = rows_per_crc(side)
    with closing(array_format(version.array_format).open(folder.objects / stored.name)) as rows:
        crcs = tuple(chunk_crc(np.asarray(rows[chunk])) for chunk in chunk_ranges(shard.rows, covered))
    return ShardArray(side, stored, covered, crcs)


def _outcome(folder: DatasetFolder, version: PairVersion, result: Receipt | NotReproduced) -> str | None:
    if isinstance(result, NotReproduced):
        return with_changes(result.why, version.libraries, pair_libraries())
    try:
        published_receipt(folder, result.key, result.identity)
    except DamagedDataset:
        write_published_receipt(folder, result)
    return None
