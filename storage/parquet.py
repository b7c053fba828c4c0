"""Parquet tables of a fixed schema, read back with that schema or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from storage.durable import not_as_written
from storage.errors import DamagedDataset
from storage.plain_files import open_file

_ROWS_AT_ONCE = 65_536
_NOT_PARQUET = (pa.ArrowException, ValueError, TypeError)
"""What Arrow raises on bytes that are not Parquet."""


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` as one Parquet file, and read it back.

    Raises:
        DamagedDataset: it does not come back equal.
    """
    pq.write_table(table, path, compression="zstd", row_group_size=_ROWS_AT_ONCE)
    with _opened(path) as file:
        _require_shape(path, file, table.schema, table.num_rows)
        first = 0
        # A part at a time: of a million images the whole would take the memory of the table once more.
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, use_threads=False):
            if not pa.Table.from_batches([batch]).equals(table.slice(first, batch.num_rows)):
                raise not_as_written(path)
            first += batch.num_rows


def read_table(
    path: Path, schema: pa.Schema, *, rows: int | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a Parquet file whose columns must be those of `schema`, and its rows `rows` if that is given.

    Of the columns those in `columns` are read, or all.

    Raises:
        DamagedDataset: it is missing, is not Parquet, or has other columns or rows.
    """
    with _opened(path) as file:
        _require_shape(path, file, schema, rows)
        return file.read(columns=None if columns is None else list(columns))


def read_row(path: Path, schema: pa.Schema, row: int) -> dict[str, object]:
    """Return one row of a Parquet file whose columns must be those of `schema`; only the part that has it is read.

    Raises:
        DamagedDataset: as `read_table`.
        IndexError: there is no such row.
    """
    with _opened(path) as file:
        _require_shape(path, file, schema, None)
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if first <= row < first + rows:
                return file.read_row_group(group).slice(row - first, 1).to_pylist()[0]
            first += rows
    raise IndexError(f"{path} has {first} rows, from 0 on; got {row}")


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with open_file(path) as opened, pq.ParquetFile(opened, pre_buffer=False) as file:
            yield file
    except (OSError, *_NOT_PARQUET) as error:
        raise DamagedDataset(f"{path} is missing or is not a whole Parquet file: {error}", path=path) from error


def _require_shape(path: Path, file: pq.ParquetFile, schema: pa.Schema, rows: int | None) -> None:
    """Compare what a file says of itself before its content is unpacked, which may be a thousand times as large."""
    found = file.schema_arrow
    if found.names != schema.names or found.types != schema.types:
        # A name may be a megabyte of anything.
        names = [name[:40] for name in found.names[: len(schema) + 1]]
        raise DamagedDataset(f"{path} should have the columns {schema.names}, it has {names}", path=path)
    if rows is not None and file.metadata.num_rows != rows:
        raise DamagedDataset(f"{path} should list {rows} rows, it lists {file.metadata.num_rows}", path=path)
