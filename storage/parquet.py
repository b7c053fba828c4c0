"""Parquet tables of a fixed schema, read back with that schema or not at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from storage.durable import not_as_written
from storage.errors import DamagedDataset


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` as one Parquet file, and read it back.

    Raises:
        DamagedDataset: it does not come back equal.
    """
    pq.write_table(table, path, compression="zstd")
    if not read_table(path, table.schema).equals(table):
        raise not_as_written(path)


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a Parquet file whose columns must be those of `schema`.

    Raises:
        DamagedDataset: it is missing, is not Parquet, or has other columns.
    """
    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowInvalid) as error:
        raise DamagedDataset(f"{path} is missing or is not a whole Parquet file: {error}") from error
    if table.schema.names != schema.names or table.schema.types != schema.types:
        raise DamagedDataset(f"{path} should have the columns {schema.names}, it has {table.schema.names}")
    return table
