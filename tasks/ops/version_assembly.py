"""Puts the receipts of a plan together into a version, ready to be published."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parameters import Parameters
from storage.parquet import write_table
from storage.plans import Plan, PlannedShard, receipts_of
from storage.receipts import Receipt, StoredObject
from storage.row_tables import ROWS_SCHEMA, rows_table
from storage.versions import Version, VersionShard, next_number, version_identity
from storage.virtual_view import write_virtual_view

FORMAT_WITH_VIEWS = "hdf5"


def draft_version(
    folder: DatasetFolder, plan: Plan, shuffled: pa.Table, scratch: Path, *, built_on: int | None, report: Path
) -> Version:
    """Return the version of a finished plan, without its card; its table, views and report are stored already.

    `built_on` is the number of the version that was current when the plan was made, None if there was none;
    `report` the file of the refused inputs in the scratch folder, which it leaves.

    Raises:
        DamagedDataset: stored and refused do not add up to what was listed.
    """
    shards, tables = [], [ROWS_SCHEMA.empty_table()]
    for shard, receipt in receipts_of(folder, plan):
        objects = tuple(array.stored for array in receipt.arrays)
        shards.append(VersionShard(shard.key, receipt.identity, receipt.rows, objects))
        tables.append(_rows_of(shuffled, shard, receipt, plan))
    table = pa.concat_tables(tables)
    views = stored_views(folder, plan.settings.parameters, shards, scratch)
    return Version(
        number=next_number(folder),
        parent=built_on,
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
        table=stored_table(folder, table, scratch),
        views=views,
        card=None,
        report=store_object(folder, report, prefix="refused", suffix=".csv"),
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


def stored_table(folder: DatasetFolder, table: pa.Table, scratch: Path) -> StoredObject:
    """Store the table of a version's rows; return it."""
    path = scratch / "rows.parquet"
    write_table(path, table)
    return store_object(folder, path, prefix="rows", suffix=".parquet")


def stored_views(
    folder: DatasetFolder, parameters: Parameters, shards: Sequence[VersionShard], scratch: Path
) -> tuple[StoredObject, ...]:
    """Store the file for each size that joins its shards, where the format has such; return them."""
    if parameters.array_format != FORMAT_WITH_VIEWS:
        return ()
    views = []
    for place, side in enumerate(parameters.sides):
        path = scratch / f"view-{side}.h5"
        write_virtual_view(path, side, [(shard.objects[place], shard.rows) for shard in shards if shard.rows])
        views.append(store_object(folder, path, prefix=f"all-{side}", suffix=".h5"))
    return tuple(views)
