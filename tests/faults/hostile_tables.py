"""Attacks by the Parquet table of rows: other columns, other types, hostile metadata, and rows beyond measure."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from tests.faults.hostile_bcolz import Payload
from tests.faults.hostile_dataset import Captured
from tests.faults.hostile_records import ANY, ESCAPES, REFUSED, Attack

Change = Callable[[pa.Table], pa.Table]


def table_attacks() -> Iterator[Attack]:
    """Yield every attack by the table of rows."""
    for name, change in COLUMNS.items():
        yield f"table-{name}", partial(with_table, change=change), REFUSED
    for name, change in CONTENTS.items():
        yield f"table-{name}", partial(with_table, change=change), ANY
    for name, options in WRITTEN.items():
        yield f"table-written-{name}", partial(with_table, change=lambda table: table, **options), ANY
    for name, damage in DAMAGES.items():
        yield f"table-{name}", partial(with_damage, damage=damage), REFUSED
    yield "table-has-types-that-unpickle", with_pickled_type, ANY
    yield "table-has-a-billion-rows", with_a_billion_rows, REFUSED


def with_table(captured: Captured, *, change: Change, **options: Any) -> None:
    """Put the table, changed, in the place of the published one."""
    new = captured.folder / "new.parquet"
    parquet.write_table(change(parquet.read_table(captured.table)), new, **options)
    captured.adopt(captured.table, new)


def column(name: str, values: Callable[[pa.Table], Any]) -> Change:
    """Return the change of one column."""
    return lambda table: table.set_column(table.schema.get_field_index(name), name, values(table))


def cast(name: str, kind: pa.DataType) -> Change:
    return column(name, lambda table: table[name].combine_chunks().cast(kind))


def constant(name: str, value: Any, kind: pa.DataType) -> Change:
    return column(name, lambda table: pa.array([value] * len(table), kind))


COLUMNS: dict[str, Change] = {
    "lacks-a-column": lambda table: table.drop_columns(["split"]),
    "has-no-columns": lambda table: table.select([]),
    "has-a-column-more": lambda table: table.append_column("evil", table["name"]),
    "has-columns-in-another-order": lambda table: table.select(["id", "name", "label", "split", "source"]),
    "has-columns-in-capitals": lambda table: table.rename_columns([name.upper() for name in table.column_names]),
    "has-a-column-twice": lambda table: table.rename_columns(["name", "label", "split", "id", "id"]),
    "has-names-of-bytes": cast("name", pa.binary()),
    "has-long-names": cast("name", pa.large_string()),
    "has-names-of-a-dictionary": column("name", lambda table: table["name"].combine_chunks().dictionary_encode()),
    "has-names-in-lists": column("name", lambda table: pa.array([[str(name)] for name in table["name"]])),
    "has-names-in-structures": column("name", lambda table: pa.array([{"a": {"b": 1}}] * len(table))),
    "has-names-in-maps": column("name", lambda table: pa.array([[("a", 1)]] * len(table), pa.map_("string", "int64"))),
    "has-labels-of-text": cast("label", pa.string()),
    "has-labels-of-fractions": cast("label", pa.float64()),
    "has-labels-of-32-bits": cast("label", pa.int32()),
    "has-labels-of-times": cast("label", pa.timestamp("ns")),
    "has-signed-ids": constant("id", 1, pa.int64()),
    "has-nothing-but-nulls": constant("name", None, pa.null()),
    "has-no-rows": lambda table: table.slice(0, 0),
    "has-one-row": lambda table: table.slice(0, 1),
    "has-one-row-more": lambda table: pa.concat_tables([table, table.slice(0, 1)]),
}

CONTENTS: dict[str, Change] = {
    "has-labels-of-no-class": constant("label", 10**6, pa.int64()),
    "has-labels-below-0": constant("label", -1, pa.int64()),
    "has-the-largest-labels": constant("label", 2**63 - 1, pa.int64()),
    "has-null-labels": constant("label", None, pa.int64()),
    "has-null-names": constant("name", None, pa.string()),
    "has-null-splits": constant("split", None, pa.string()),
    "has-null-ids": constant("id", None, pa.uint64()),
    "has-null-sources": constant("source", None, pa.string()),
    "has-names-that-are-paths": constant("name", "../../../outside/canary.jpg", pa.string()),
    "has-names-that-are-escapes": constant("name", ESCAPES, pa.string()),
    "has-names-of-a-megabyte": constant("name", "n" * 10**6, pa.string()),
    "has-unknown-splits": constant("split", "evil", pa.string()),
    "has-pandas-metadata": lambda table: table.replace_schema_metadata(
        {b"pandas": b'{"index_columns":["__import__"]}'}
    ),
    "has-a-schema-of-noise": lambda table: table.replace_schema_metadata({b"ARROW:schema": b"\xff" * 999}),
    "has-10-megabytes-of-metadata": lambda table: table.replace_schema_metadata({b"x": b"y" * 10**7}),
}

WRITTEN: dict[str, dict[str, Any]] = {
    "without-compression": {"compression": "none"},
    "with-gzip": {"compression": "gzip"},
    "with-a-page-for-each-row": {"data_page_size": 1, "row_group_size": 1},
    "with-checksums": {"write_page_checksum": True},
    "without-arrow": {"store_schema": False},
    "of-version-1": {"version": "1.0"},
}


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "is-empty": lambda content: b"",
    "is-cut": lambda content: content[: len(content) // 2],
    "lacks-its-end": lambda content: content[:-8],
    "is-noise": lambda content: np.random.default_rng(4).bytes(5000),
    "is-noise-between-its-marks": lambda content: b"PAR1" + np.random.default_rng(5).bytes(5000) + b"PAR1",
    "claims-a-long-end": lambda content: content[:-8] + b"\xff\xff\xff\x7fPAR1",
    "claims-an-end-below-0": lambda content: content[:-8] + b"\xff\xff\xff\xffPAR1",
    "claims-to-be-encrypted": lambda content: b"PARE" + content[4:-4] + b"PARE",
    "has-noise-for-pages": lambda content: content[:4] + np.random.default_rng(6).bytes(600) + content[604:],
    "has-noise-for-an-end": lambda content: content[:-500] + np.random.default_rng(7).bytes(492) + content[-8:],
    "is-a-pickle": lambda content: pickle.dumps("x"),
    "is-an-arrow-file": lambda content: b"ARROW1\0\0" + content,
}


def with_damage(captured: Captured, *, damage: Callable[[bytes], bytes]) -> None:
    new = captured.folder / "new.parquet"
    new.write_bytes(damage(captured.table.read_bytes()))
    captured.adopt(captured.table, new)


def with_pickled_type(captured: Captured) -> None:
    """Ask Arrow for a type that old versions made by unpickling it (CVE-2023-47248)."""
    pickled = pickle.dumps(Payload(captured.sentinel))

    def change(table: pa.Table) -> pa.Table:
        field = table.schema.field("name").with_metadata(
            {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickled}
        )
        return table.cast(table.schema.set(0, field))

    with_table(captured, change=change)


def with_a_billion_rows(captured: Captured) -> None:
    """Write a small file whose rows would fill the memory of most machines."""
    new = captured.folder / "new.parquet"
    schema = parquet.read_schema(captured.table)
    rows = 1_000_000
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["n" * 100]).cast(pa.string())
    columns = [text if kind == pa.string() else pa.array(np.zeros(rows), kind) for kind in schema.types]
    with parquet.ParquetWriter(new, schema, compression="zstd") as writer:
        for _ in range(GROUPS):
            writer.write_table(pa.table(columns, schema=schema), row_group_size=rows)
    captured.adopt(captured.table, new)


GROUPS = 6
"""So many times a million rows: 2 GB once unpacked."""
