"""Puts the receipts of a plan together into a version, ready to be published."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from storage.durable import write_durably
from storage.errors import DamagedDataset, TooManyRefused
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parquet import write_table
from storage.plans import Plan, PlannedShard
from storage.receipts import Receipt, StoredObject, read_receipt
from storage.refused import Refused
from storage.row_tables import ROWS_SCHEMA, rows_table
from storage.versions import Version, VersionShard, version_identity
from storage.virtual_view import write_virtual_view

FORMAT_WITH_VIEWS = "hdf5"
KEPT_REFUSED = 500
"""So many refused inputs are kept at hand for pages; the report has every one."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refused inputs of a finished plan: how many for each reason, the first of them, and the file of all."""

    by_reason: dict[str, int]
    first: tuple[Refused, ...]
    listed: int
    report: Path

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())


def receipts_of(folder: DatasetFolder, plan: Plan) -> Iterator[tuple[PlannedShard, Receipt]]:
    """Yield each shard of a plan with its receipt, one in memory at a time.

    Raises:
        FileNotFoundError: a shard is not built.
    """
    for shard in plan.shards:
        yield shard, read_receipt(folder, shard.key)


def refusals_of(folder: DatasetFolder, plan: Plan) -> Refusals:
    """Return what was refused of a finished plan, the commonest reason first."""
    return _summed(refused_of(folder, plan), plan, folder.refused(plan.identity))


def report_refused(folder: DatasetFolder, plan: Plan) -> Refusals:
    """Write every refused input of a finished plan to a CSV file with name, reason and detail; sum them up."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "reason", "detail"))

    def written() -> Iterator[Refused]:
        for refused in refused_of(folder, plan):
            writer.writerow((refused.name, refused.reason, refused.detail))
            yield refused

    refusals = _summed(written(), plan, folder.refused(plan.identity))
    write_durably(refusals.report, text.getvalue().encode("utf-8"))
    return refusals


def _summed(refused: Iterable[Refused], plan: Plan, report: Path) -> Refusals:
    by_reason: Counter[str] = Counter()
    first: list[Refused] = []
    for one in refused:
        by_reason[one.reason.value] += 1
        if len(first) < KEPT_REFUSED:
            first.append(one)
    return Refusals(dict(by_reason.most_common()), tuple(first), plan.listed, report)


def refused_of(folder: DatasetFolder, plan: Plan) -> Iterator[Refused]:
    """Yield the refused inputs of a finished plan, in the order of the plan."""
    for _, receipt in receipts_of(folder, plan):
        yield from receipt.refused


def require_few_refused(refusals: Refusals, max_refused: float) -> None:
    """Check that a version may be published.

    Raises:
        TooManyRefused: more than the share `max_refused` in [0, 1] of the listed inputs was refused.
    """
    if refusals.total > max_refused * refusals.listed:
        reasons = ", ".join(f"{count} {reason}" for reason, count in refusals.by_reason.items())
        raise TooManyRefused(
            f"{refusals.total} of {refusals.listed} images were refused ({reasons}), the limit is {max_refused:.1%}: "
            f"nothing was published. See {refusals.report}; if they really are bad, allow more with --max-refused"
        )


def draft_version(folder: DatasetFolder, plan: Plan, shuffled: pa.Table, scratch: Path) -> Version:
    """Return the version of a finished plan, without its number; its tables and views are stored already.

    Raises:
        DamagedDataset: stored and refused do not add up to what was listed.
    """
    shards, tables = [], [ROWS_SCHEMA.empty_table()]
    for shard, receipt in receipts_of(folder, plan):
        objects = tuple(array.stored for array in receipt.arrays)
        shards.append(VersionShard(shard.key, receipt.identity, receipt.rows, objects))
        tables.append(_rows_of(shuffled, shard, receipt, plan))
    table = pa.concat_tables(tables)
    views = _stored_views(folder, plan, shards, scratch)
    return Version(
        number=0,
        parent=None,
        identity=version_identity(tuple(shard.identity for shard in shards), plan.classes),
        plan=plan.identity,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        source=plan.source.root,
        parameters=plan.settings.parameters,
        classes=plan.classes,
        listed=plan.listed,
        stored=table.num_rows,
        refused=plan.listed - table.num_rows,
        bytes=sum(stored.bytes for shard in shards for stored in shard.objects),
        shards=tuple(shards),
        table=_stored_table(folder, table, scratch),
        views=views,
    )


def _rows_of(shuffled: pa.Table, shard: PlannedShard, receipt: Receipt, plan: Plan) -> pa.Table:
    if receipt.listed != shard.count or receipt.rows + len(receipt.refused) != shard.count:
        raise DamagedDataset(
            f"shard {shard.key[:12]} has {shard.count} inputs, its receipt {receipt.rows} stored "
            f"and {len(receipt.refused)} refused"
        )
    kept = shuffled.slice(shard.first, shard.count).take(pa.array(receipt.stored_positions, pa.int64()))
    sources = [receipt.sources[position] for position in receipt.stored_positions]
    return rows_table(
        kept["name"].to_pylist(),
        kept["label"].to_pylist(),
        sources,
        classes=plan.classes,
        rule=plan.settings.parameters.split,
    )


def _stored_table(folder: DatasetFolder, table: pa.Table, scratch: Path) -> StoredObject:
    path = scratch / "rows.parquet"
    write_table(path, table)
    return store_object(folder, path, prefix="rows", suffix=".parquet")


def _stored_views(
    folder: DatasetFolder, plan: Plan, shards: list[VersionShard], scratch: Path
) -> tuple[StoredObject, ...]:
    if plan.settings.parameters.array_format != FORMAT_WITH_VIEWS:
        return ()
    views = []
    for place, side in enumerate(plan.settings.parameters.sides):
        path = scratch / f"view-{side}.h5"
        write_virtual_view(path, side, [(shard.objects[place], shard.rows) for shard in shards if shard.rows])
        views.append(store_object(folder, path, prefix=f"all-{side}", suffix=".h5"))
    return tuple(views)
