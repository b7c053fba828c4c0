"""What is damaged: which file, and which rows and classes a reader can no longer have from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np

from storage.array_formats import array_format, chunk_ranges
from storage.digests import chunk_crc
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.pair_versions import RowVersion
from storage.receipts import StoredObject, published_receipt
from storage.row_tables import read_rows_table
from storage.versions import VersionShard

Rows = tuple[int, int]
"""The first row and the one after the last."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One file or folder that is not what was published.

    `rows` and `classes` are those of the highest of `versions`, empty where no pixel is lost; `shard` is the key of
    the shard whose pixels or receipt the file holds.
    """

    path: Path
    problem: str
    tier: Literal["slow", "fast"] = "slow"
    versions: tuple[int, ...] = ()
    shard: str | None = None
    rows: tuple[Rows, ...] = ()
    classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.path}: {self.problem}"]
        if self.rows:
            parts.append("rows " + ", ".join(f"{first} to {stop - 1}" for first, stop in self.rows))
        if self.classes:
            more = f" and {len(self.classes) - 5} more" if len(self.classes) > 5 else ""
            parts.append(f"classes {', '.join(self.classes[:5])}{more}")
        if self.versions:
            parts.append(f"version {', '.join(map(str, self.versions))}")
        return "; ".join(parts)


def shard_of(version: RowVersion, stored: StoredObject) -> tuple[VersionShard, int] | None:
    """Return the shard of `version` that `stored` holds pixels of, and its first row; None for other objects."""
    starts = accumulate((shard.rows for shard in version.shards), initial=0)
    found = ((shard, first) for shard, first in zip(version.shards, starts, strict=False) if stored in shard.objects)
    return next(found, None)


def lost_rows(folder: DatasetFolder, version: RowVersion, stored: StoredObject, path: Path) -> tuple[Rows, ...]:
    """Return the rows of `version` whose chunks in the object at `path` are not what was published."""
    found = shard_of(version, stored)
    if found is None:
        return ()
    shard, first = found
    whole = ((first, first + shard.rows),)
    try:
        receipt = published_receipt(folder, shard.key, shard.identity)
        array = next(array for array in receipt.arrays if array.stored == stored)
        bad = _bad_chunks(path, version.array_format, shard.rows, array.rows_per_chunk, array.chunk_crcs)
        return tuple(_joined((first + chunk.start, first + chunk.stop) for chunk in bad))
    except (DamagedDataset, StopIteration):
        return whole


def classes_of(folder: DatasetFolder, version: RowVersion, rows: tuple[Rows, ...]) -> tuple[str, ...]:
    """Return the classes of `rows`, sorted; none where the table of rows is damaged too."""
    try:
        path = folder.objects / version.table.name
        labels = read_rows_table(path, rows=version.stored, classes=len(version.classes))["label"].to_numpy()
    except DamagedDataset:
        return ()
    found = {int(label) for first, stop in rows for label in np.unique(labels[first:stop])}
    return tuple(sorted(version.classes[label] for label in found))


def _bad_chunks(path: Path, format_: str, rows: int, rows_per_chunk: int, crcs: tuple[int, ...]) -> Iterator[slice]:
    opened = array_format(format_).open(path)
    try:
        if len(opened) != rows:
            raise DamagedDataset(f"{path} should hold {rows} rows, it holds {len(opened)}", path=path)
        for chunk, crc in zip(chunk_ranges(rows, rows_per_chunk), crcs, strict=True):
            try:
                same = chunk_crc(opened[chunk]) == crc
            except DamagedDataset:
                same = False
            if not same:
                yield chunk
    finally:
        opened.close()


def _joined(ranges: Iterator[Rows]) -> list[Rows]:
    joined: list[Rows] = []
    for first, stop in ranges:
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((first, stop))
    return joined
