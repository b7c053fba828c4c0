"""Restores the bad rows of published pairs, shard by shard, and publishes what came of them as pairs of their own.

The good rows stay what they were, as hard links. A shard that has a receipt is not restored again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from storage.array_formats import array_format, chunk_ranges
from storage.digests import digest_of
from storage.layout import DatasetFolder
from storage.pair_versions import BAD, GOOD, PairOrigin, PairParameters, PairVersion
from storage.reading import OpenVersion
from storage.receipts import Receipt, ShardArray, find_receipt, published_receipt, write_receipt
from storage.sharing import share_object
from storage.space import reserved
from storage.tiers import Tiers
from storage.versions import VersionShard
from tasks.ops.pair_publication import PairPlan, publish_pairs
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.row_restorer import RowRestorer
from tasks.ops.sized_array import SizedArray
from training.interruption import Interruption
from training.pixel_ranges import as_levels, as_unit
from training.restorers import Restorer

Report = Callable[[int, int, int], None]
"""Is told after each batch how many rows are restored, of how many, and how many shards were by now."""


@dataclass(frozen=True, slots=True)
class Restoring:
    """Which rows are restored by what: open pairs called `dataset`, and a network on `device`, in evaluation mode."""

    tiers: Tiers
    dataset: str
    pairs: OpenVersion[PairVersion]
    restorer: RowRestorer
    network: Restorer
    device: torch.device
    batch_size: int = 32

    @property
    def plan(self) -> PairPlan[RowRestorer]:
        """What is to be published.

        Raises:
            ValueError: the network does not make pictures of the size of the good ones.
        """
        version = self.pairs.version
        good, bad = version.sides
        if bad * self.network.scale != good:
            raise ValueError(
                f"{self.restorer.name} makes pictures {self.network.scale} times as large, and {self.dataset} has bad "
                f"ones of {bad} pixels and good ones of {good}"
            )
        parameters = PairParameters(
            recipe=self.restorer.form,
            libraries=(("torch", str(torch.__version__)),),
            array_format=version.array_format,
            good_side=good,
            bad_side=good,
        )
        origin = PairOrigin(self.dataset, version.number, version.identity, good)
        keys = tuple(parameters.shard_identity(shard) for shard in version.shards)
        return PairPlan(origin, self.restorer, parameters, keys)


@dataclass(frozen=True, slots=True)
class Restored:
    """How it ended: the version that holds the rows, whether it is new, and how many shards were restored."""

    version: PairVersion
    is_new: bool
    computed: int


def publish_restored(
    restoring: Restoring, folder: DatasetFolder, scratch: Path, *, interruption: Interruption, report: Report
) -> Restored:
    """Restore the shards that have no receipt, and publish all.

    Raises:
        KeyboardInterrupt: it was asked to stop, and did after the shard in hand.
        DamagedDataset: rows are not what was published.
        NotEnoughSpace: the restored pictures do not fit on the disk.
    """
    plan, began = restoring.plan, time.monotonic()
    shards = list(_shards(restoring, plan))
    missing = [shard for shard in shards if find_receipt(folder, shard.key) is None]
    total, lacking = sum(map(len, shards)), sum(map(len, missing))
    done, cpu = total - lacking, 0.0
    with reserved(folder.path.parent, lacking * plan.parameters.bad_side**2 * 3, purpose="restored pictures") as room:
        for count, shard in enumerate(missing):
            if interruption.is_requested:
                raise KeyboardInterrupt(f"{done} of {total} rows are restored; run it again to go on")
            show = partial(_show, report, done, total, count)
            receipt = _restored_shard(restoring, folder, shard, scratch, on_rows=show)
            done, cpu = done + len(shard), cpu + receipt.cpu_seconds
            room.spend(sum(array.stored.bytes for array in receipt.arrays[BAD:]))
    report(total, total, len(missing))
    figures = BuildFigures(lacking, time.monotonic() - began, cpu)
    version, is_new = publish_pairs(restoring.tiers, folder, plan, restoring.pairs, figures, scratch=scratch)
    return Restored(version, is_new, len(missing))


def _show(report: Report, done: int, total: int, shards: int, rows: int) -> None:
    report(done + rows, total, shards)


@dataclass(frozen=True, slots=True)
class _Shard:
    """The rows of one shard of the origin, and the key of what comes of them."""

    origin: VersionShard
    key: str
    rows: range

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def slice(self) -> slice:
        return slice(self.rows.start, self.rows.stop)


def _shards(restoring: Restoring, plan: PairPlan[RowRestorer]) -> Iterator[_Shard]:
    shards = restoring.pairs.version.shards
    starts = accumulate((shard.rows for shard in shards), initial=0)
    for shard, key, first in zip(shards, plan.keys, starts, strict=False):
        yield _Shard(shard, key, range(first, first + shard.rows))


def _restored_shard(
    restoring: Restoring, folder: DatasetFolder, shard: _Shard, scratch: Path, *, on_rows: Callable[[int], None]
) -> Receipt:
    """Restore the rows of one shard; return its receipt, which is durable by then."""
    started = time.process_time()
    arrays: tuple[ShardArray, ...] = ()
    if len(shard):
        authority = restoring.tiers.authority(restoring.dataset)
        good = published_receipt(authority, shard.origin.key, shard.origin.identity).arrays[GOOD]
        made = _restored_array(restoring, shard, scratch, on_rows)
        share_object(authority, folder, good.stored, scratch)
        arrays = (good, made.published(folder))
    receipt = Receipt(
        key=shard.key,
        identity=shard.key,
        rows=len(shard),
        arrays=arrays,
        ids_digest=digest_of(np.ascontiguousarray(restoring.pairs.ids[shard.slice]).tobytes()),
        sources=restoring.pairs.sources(shard.slice),
        refused=(),
        cpu_seconds=round(time.process_time() - started, 6),
    )
    write_receipt(folder, receipt)
    return receipt


def _restored_array(restoring: Restoring, shard: _Shard, scratch: Path, on_rows: Callable[[int], None]) -> SizedArray:
    """Write the restored rows of a shard into the scratch folder."""
    pairs = restoring.pairs
    format_ = array_format(pairs.version.array_format)
    labels, ids = np.ascontiguousarray(pairs.labels[shard.slice]), np.ascontiguousarray(pairs.ids[shard.slice])
    path, side = scratch / f"{shard.key}-restored{format_.suffix}", pairs.version.sides[GOOD]
    with ExitStack() as stack:
        made = SizedArray(path, side=side, format_=format_, labels=labels, ids=ids, stack=stack, prefix="restored-")
        for position, picture in enumerate(_pictures(restoring, shard, on_rows)):
            made.next_row[:] = picture
            made.keep_row(position)
        made.flush()
    return made


def _pictures(restoring: Restoring, shard: _Shard, on_rows: Callable[[int], None]) -> Iterator[NDArray[np.uint8]]:
    """Yield the restored rows of a shard in order, `(side, side, 3)` uint8."""
    bad = restoring.pairs.array(BAD)
    for chunk in chunk_ranges(len(shard), restoring.batch_size):
        rows = bad[shard.rows.start + chunk.start : shard.rows.start + chunk.stop]
        with torch.inference_mode():
            yield from as_levels(restoring.network(as_unit(rows).to(restoring.device)))
        on_rows(chunk.stop)
