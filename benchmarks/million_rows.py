"""A version of a million rows for measurements of what reads its records: all is real but the pixels, which recur.

The manifest, the receipts and the table of rows are those of 3,907 shards of 256 rows; their objects are 16 files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from blake3 import blake3

from storage.array_formats import ArraySpec, array_format
from storage.datasets import create_dataset
from storage.digests import chunk_crc
from storage.durable import remove
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parameters import Parameters, SplitRule
from storage.parquet import write_table
from storage.publishing import publish
from storage.receipts import Receipt, ShardArray, StoredObject, write_receipt
from storage.row_tables import rows_table
from storage.tiers import Tiers
from storage.versions import Version, VersionShard, current_version, version_identity

ROWS, SHARD_ROWS, SIDE, FILES = 1_000_000, 256, 128, 16
CHUNK_ROWS = 16
NAME = "million"
CLASSES = tuple(f"n{number:08d}" for number in range(1000))
PARAMETERS = Parameters(
    sides=(SIDE,),
    array_format="hdf5",
    fidelity="exact",
    interpolation="bilinear",
    max_pixels=50_000_000,
    max_scans=64,
    colour_policy=(),
    split=SplitRule("source", 0.05, 0.05),
    libraries=(),
)


@dataclass(frozen=True, slots=True)
class _File:
    """One of the files that recur, and the checksums of its chunks."""

    array: ShardArray
    ids_digest: str


def million_rows(root: Path) -> Tiers:
    """Return the roots of the version, which is made where it is not there yet; it takes a minute and 250 MB."""
    tiers = Tiers(root, root)
    folder = create_dataset(root, NAME)
    if current_version(folder) is None:
        _publish(folder)
    return tiers


def _publish(folder: DatasetFolder) -> None:
    files = [_stored_file(folder, number, SHARD_ROWS) for number in range(FILES)]
    names = [f"{CLASSES[row % len(CLASSES)]}/{CLASSES[row % len(CLASSES)]}_{row}.JPEG" for row in range(ROWS)]
    labels = [row % len(CLASSES) for row in range(ROWS)]
    sources = [blake3(name.encode()).hexdigest() for name in names]
    shards = tuple(_shard(folder, files, first, sources) for first in range(0, ROWS, SHARD_ROWS))
    table = rows_table(names, labels, sources, classes=CLASSES, rule=PARAMETERS.split)
    write_table(folder.tmp / "rows.parquet", table)
    publish(folder, _draft(folder, shards))


def _stored_file(folder: DatasetFolder, number: int, rows: int) -> _File:
    random = np.random.default_rng(number)
    # Small pictures enlarged: noise would make every thumbnail the largest that a JPEG can be.
    small = random.integers(0, 256, (rows, 8, 8, 3), dtype=np.uint8)
    images = small.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)
    ids = np.arange(rows, dtype=np.uint64)
    path = folder.tmp / "half-built"
    remove(path)
    with array_format("hdf5").create(path, ArraySpec(SIDE, rows, CHUNK_ROWS)) as writer:
        writer.append(images, np.zeros(rows, np.int64), ids)
    crcs = tuple(chunk_crc(images[first : first + CHUNK_ROWS].data) for first in range(0, rows, CHUNK_ROWS))
    stored = store_object(folder, path, prefix=str(SIDE), suffix=array_format("hdf5").suffix)
    return _File(ShardArray(SIDE, stored, CHUNK_ROWS, crcs), blake3(ids.tobytes()).hexdigest())


def _shard(folder: DatasetFolder, files: list[_File], first: int, sources: list[str]) -> VersionShard:
    rows = min(SHARD_ROWS, ROWS - first)
    file = files[first // SHARD_ROWS % FILES] if rows == SHARD_ROWS else _stored_file(folder, FILES, rows)
    key = blake3(f"{NAME} {first}".encode()).hexdigest()
    receipt = Receipt(
        key=key,
        identity=blake3(f"identity of {key}".encode()).hexdigest(),
        rows=rows,
        arrays=(file.array,),
        ids_digest=file.ids_digest,
        sources=tuple(sources[first : first + rows]),
        refused=(),
        cpu_seconds=0.5,
    )
    write_receipt(folder, receipt)
    return VersionShard(key, receipt.identity, rows, (file.array.stored,))


def _draft(folder: DatasetFolder, shards: tuple[VersionShard, ...]) -> Version:
    return Version(
        number=1,
        parent=None,
        identity=version_identity(tuple(shard.identity for shard in shards), CLASSES),
        plan="0" * 32,
        created="2026-01-01T00:00:00+00:00",
        source="/images",
        parameters=PARAMETERS,
        classes=CLASSES,
        listed=ROWS,
        stored=ROWS,
        refused=0,
        bytes=sum(stored.bytes for shard in shards for stored in shard.objects),
        shards=shards,
        table=store_object(folder, folder.tmp / "rows.parquet", prefix="rows", suffix=".parquet"),
        views=(),
        report=_text(folder, "name,reason,detail\n", prefix="refused", suffix=".csv"),
        card=_text(folder, "# A million rows\n", prefix="card", suffix=".md"),
    )


def _text(folder: DatasetFolder, content: str, *, prefix: str, suffix: str) -> StoredObject:
    path = folder.tmp / "half-built"
    path.write_text(content)
    return store_object(folder, path, prefix=prefix, suffix=suffix)
