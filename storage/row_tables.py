"""The table of a version's rows: which input each came from, its label, split and id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from blake3 import blake3

from storage.errors import DamagedDataset
from storage.names import row_ids
from storage.parameters import SplitRule
from storage.parquet import read_table

ROWS_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("label", pa.int64()),
        ("split", pa.string()),
        ("id", pa.uint64()),
        ("source", pa.string()),
    ]
)
"""One line per stored row, in order; `source` is the BLAKE3 of the image file, 64 hexadecimal digits."""


def read_rows_table(path: Path, *, rows: int, classes: int, columns: Sequence[str] = ROWS_SCHEMA.names) -> pa.Table:
    """Read the table of a version that has `rows` rows of `classes` classes; columns as in `ROWS_SCHEMA`, or some.

    Raises:
        DamagedDataset: it is missing, is not such a table, or says what cannot be.
    """
    table = read_table(path, ROWS_SCHEMA, rows=rows, columns=columns)
    if any(column.null_count for column in table.columns):
        raise DamagedDataset(f"{path} has rows with nothing in them", path=path)
    labels = table["label"].to_numpy() if "label" in columns else np.zeros(rows, np.int64)
    if rows and not 0 <= labels.min() <= labels.max() < classes:
        raise DamagedDataset(
            f"{path} has labels from {labels.min()} to {labels.max()}, the version has {classes} classes", path=path
        )
    return table


def split_of(rule: SplitRule, *, source: str, class_name: str) -> str:
    """Return "train", "valid" or "test" for one row; the same image or class always falls on the same side."""
    digits = source if rule.by == "source" else blake3(class_name.encode("utf-8")).hexdigest()
    # 52 bits are exact as a float: with more, the highest hashes would round up to 1.
    point = int(digits[:13], 16) / 16**13
    if point < rule.test:
        return "test"
    return "valid" if point < rule.test + rule.valid else "train"


def rows_table(
    names: list[str], labels: list[int], sources: list[str], *, classes: tuple[str, ...], rule: SplitRule
) -> pa.Table:
    """Return the table of a version's rows from three columns in the order of the rows."""
    splits = [
        split_of(rule, source=source, class_name=classes[label]) for label, source in zip(labels, sources, strict=True)
    ]
    columns = [names, labels, splits, row_ids(names), sources]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, ROWS_SCHEMA, strict=True)],
        schema=ROWS_SCHEMA,
    )
