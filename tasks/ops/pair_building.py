"""Builds the pairs of one shard: its good rows are shared with the version that they come from, the bad ones made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import array_format, chunk_ranges
from storage.digests import digest_of
from storage.errors import DamagedDataset, named_disk_errors
from storage.layout import DatasetFolder
from storage.receipts import Receipt, ShardArray, find_receipt, write_receipt
from storage.shard_rows import ShardRows
from storage.sharing import share_object
from tasks.ops.pair_recipe import PairRecipe, crappified
from tasks.ops.pair_streams import pair_seeds
from tasks.ops.shard_building import DecodingGuard
from tasks.ops.sized_array import SizedArray

BLOCK_BYTES = 2 * 1024 * 1024
"""Good rows that are read at once."""


@dataclass(frozen=True, slots=True)
class PairShardJob:
    """All that a worker needs to make the pairs of one shard.

    `good` is its array in the dataset `origin`, None where the shard has no rows.
    """

    folder: DatasetFolder
    scratch: Path
    key: str
    origin: DatasetFolder
    good: ShardArray | None
    array_format: str
    recipe: PairRecipe
    bad_side: int
    labels: NDArray[np.int64]
    ids: NDArray[np.uint64]
    sources: tuple[str, ...]
    crashed: dict[int, str] = field(default_factory=dict)
    """Not used: no good image can be at fault for a death, each was decoded once."""
    promised: str | None = None
    """Digest of the bad array that was published, where it is made again."""

    def __len__(self) -> int:
        return len(self.ids)


def build_pair_shard(job: PairShardJob, guard: DecodingGuard) -> Receipt:
    """Make the pairs of `job` unless their receipt is there, and return the receipt.

    Raises:
        DamagedDataset: the good rows are not what was published, or what was written does not read back.
        DiskFull, DiskFailed: the disk of the root has no room, or answers with errors.
    """
    with named_disk_errors(job.folder.path, doing=f"pairs {job.key[:12]} were made"):
        return find_receipt(job.folder, job.key) or _built(job)


def _built(job: PairShardJob) -> Receipt:
    started = time.process_time()
    arrays: tuple[ShardArray, ...] = ()
    if job.good is not None:
        # Only then is it known that its rows are whole.
        bad = bad_array(job, job.good)
        share_object(job.origin, job.folder, job.good.stored, job.scratch)
        arrays = (job.good, bad.published(job.folder))
    receipt = pair_receipt(job, arrays, started)
    write_receipt(job.folder, receipt)
    return receipt


def pair_receipt(job: PairShardJob, arrays: tuple[ShardArray, ...], started: float) -> Receipt:
    """Return the receipt of a shard whose arrays are stored; the work began at `started`, in CPU seconds."""
    return Receipt(
        key=job.key,
        identity=job.key,
        rows=len(job),
        arrays=arrays,
        ids_digest=digest_of(job.ids.tobytes()),
        sources=job.sources,
        refused=(),
        cpu_seconds=round(time.process_time() - started, 6),
    )


def bad_array(job: PairShardJob, good: ShardArray) -> SizedArray:
    """Write the bad image of each row into the scratch folder."""
    format_ = array_format(job.array_format)
    path = job.scratch / f"{job.key}-bad{format_.suffix}"
    seeds = pair_seeds(job.ids, job.recipe.seed).tolist()
    with ExitStack() as stack:
        bad = SizedArray(
            path, side=job.bad_side, format_=format_, labels=job.labels, ids=job.ids, stack=stack, prefix="bad-"
        )
        for position, row in enumerate(_good_rows(job, good)):
            bad.next_row[:] = crappified(row, seed=seeds[position], recipe=job.recipe)
            bad.keep_row(position)
        bad.flush()
    return bad


def _good_rows(job: PairShardJob, good: ShardArray) -> Iterator[NDArray[np.uint8]]:
    """Yield the good rows in order, each compared with the checksum of what was published; labels and ids, too."""
    path, side = job.origin.objects / good.stored.name, good.side
    array = array_format(job.array_format).open(path)
    if not (np.array_equal(array.labels, job.labels) and np.array_equal(array.ids, job.ids)):
        array.close()
        remedy = f"run: imagemill repair {job.origin.name}"
        raise DamagedDataset(f"{path} has other labels or ids than were published", path=path, remedy=remedy)
    rows = ShardRows(path, array, dataset=job.origin.name, rows_per_crc=good.rows_per_chunk, crcs=good.chunk_crcs)
    with closing(rows):
        block = np.empty((max(1, BLOCK_BYTES // (side * side * 3)), side, side, 3), np.uint8)
        for chunk in chunk_ranges(len(job), len(block)):
            part = block[: chunk.stop - chunk.start]
            rows.read_range(chunk.start, part)
            yield from part
