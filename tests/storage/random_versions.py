"""Published versions of random rows, with all that one of the product has, made without the code that plans."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from blake3 import blake3
from numpy.typing import NDArray

from storage.array_formats import ArraySpec, array_format
from storage.datasets import create_dataset
from storage.durable import remove
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parameters import Parameters
from storage.parquet import write_table
from storage.plans import SHUFFLED_SCHEMA, Plan, PlannedShard, PlanSettings, SourceTree, write_plan
from storage.publishing import publish
from storage.receipts import Receipt, ShardArray, StoredObject, write_receipt
from storage.row_tables import rows_table
from storage.spares import ensure_spare
from storage.tiers import Tiers
from storage.versions import Version, VersionShard, current_version, next_number
from storage.virtual_view import write_virtual_view
from tests.oracles.crc32c import plain_crc32c

CLASSES = ("cat", "dog")
SIDES = (8, 4)


def stored_bytes(folder: DatasetFolder, content: bytes, *, prefix: str, suffix: str) -> StoredObject:
    """Put a file of `content` into `objects/`; return what it is."""
    path = folder.tmp / "half-built"
    path.write_bytes(content)
    return store_object(folder, path, prefix=prefix, suffix=suffix)


@dataclass(frozen=True)
class Published:
    """A published version and, apart from it, everything that was put in."""

    tiers: Tiers
    dataset: str
    version: Version
    images: dict[int, NDArray[np.uint8]]
    labels: NDArray[np.int64]
    names: list[str]
    sources: list[str]

    @property
    def folder(self) -> DatasetFolder:
        return self.tiers.authority(self.dataset)

    def object(self, shard: int, side: int) -> Path:
        place = self.version.parameters.sides.index(side)
        return self.folder.objects / self.version.shards[shard].objects[place].name


def copied(published: Published, root: Path) -> Published:
    """Return the same dataset below another folder: a copy takes a tenth of the time that publishing takes."""
    shutil.copytree(published.tiers.slow, root / "slow")
    return replace(published, tiers=Tiers(root / "slow", root / "fast"))


def published_rows(tiers: Tiers, parameters: Parameters, *, shards: tuple[int, ...], rows_per_chunk: int) -> Published:
    """Publish random rows in shards of the given numbers of rows as the next version of `photos`.

    A shard of the same place and number of rows is the same in every version, and shared.
    """
    folder = create_dataset(tiers.slow, "photos")
    named = (f"{parameters.array_format} {rows_per_chunk} {n} {count}" for n, count in enumerate(shards))
    rows = _random_rows(shards, tuple(map(_hash, named)))
    built = tuple(_built_shard(folder, rows, parameters, n, shards, rows_per_chunk) for n in range(len(shards)))
    plan = _written_plan(folder, rows, parameters, shards)
    version = _published_version(folder, rows, parameters, built, plan)
    return Published(tiers, "photos", version, rows.images, rows.labels, rows.names, rows.sources)


@dataclass(frozen=True)
class _Rows:
    """All rows of a version to be; `keys` are those of its shards."""

    images: dict[int, NDArray[np.uint8]]
    labels: NDArray[np.int64]
    names: list[str]
    sources: list[str]
    ids: NDArray[np.uint64]
    keys: tuple[str, ...]


def _hash(text: str) -> str:
    return blake3(text.encode()).hexdigest()


def _random_rows(shards: tuple[int, ...], keys: tuple[str, ...]) -> _Rows:
    generators = [np.random.default_rng([n, rows]) for n, rows in enumerate(shards)]
    images = {
        side: np.concatenate(
            [
                random.integers(0, 256, (rows, side, side, 3), dtype=np.uint8)
                for random, rows in zip(generators, shards, strict=True)
            ]
        )
        for side in SIDES
    }
    labels = np.concatenate([random.integers(0, 2, rows) for random, rows in zip(generators, shards, strict=True)])
    names = [f"cat/photo {n} of {rows}, {row}.jpg" for n, rows in enumerate(shards) for row in range(rows)]
    ids = np.array([int(_hash(name)[:16], 16) for name in names], np.uint64)
    return _Rows(images, labels, names, [_hash(name) for name in names], ids, keys)


def _built_shard(
    folder: DatasetFolder,
    rows: _Rows,
    parameters: Parameters,
    number: int,
    shards: tuple[int, ...],
    rows_per_chunk: int,
) -> VersionShard:
    key, first = rows.keys[number], sum(shards[:number])
    mine = slice(first, first + shards[number])
    arrays = tuple(
        _stored_array(
            folder, parameters.array_format, rows.images[side][mine], rows.labels[mine], rows.ids[mine], rows_per_chunk
        )
        for side in parameters.sides
        if shards[number]
    )
    receipt = Receipt(
        key=key,
        identity=_hash(f"identity of {key}"),
        rows=shards[number],
        arrays=arrays,
        ids_digest=blake3(rows.ids[mine].tobytes()).hexdigest(),
        sources=tuple(rows.sources[mine]),
        refused=(),
        cpu_seconds=0.5,
    )
    write_receipt(folder, receipt)
    return VersionShard(key, receipt.identity, receipt.rows, tuple(array.stored for array in arrays))


def _written_plan(folder: DatasetFolder, rows: _Rows, parameters: Parameters, shards: tuple[int, ...]) -> Plan:
    columns = {
        "name": rows.names,
        "class": [CLASSES[label] for label in rows.labels],
        "size": [100] * len(rows.names),
        "mtime_ns": [2**60] * len(rows.names),
        "label": rows.labels,
        "shard": np.repeat(np.arange(len(shards)), shards),
    }
    planned = tuple(PlannedShard(key, sum(shards[:n]), shards[n]) for n, key in enumerate(rows.keys))
    settings = PlanSettings(parameters, seed=0, rows_per_shard=max(shards), selection="0" * 64)
    plan = Plan(folder.name, SourceTree("/images", None), settings, CLASSES, planned)
    write_plan(folder, plan, pa.table(columns, schema=SHUFFLED_SCHEMA))
    return plan


def _published_version(
    folder: DatasetFolder, rows: _Rows, parameters: Parameters, shards: tuple[VersionShard, ...], plan: Plan
) -> Version:
    table = rows_table(rows.names, rows.labels.tolist(), rows.sources, classes=CLASSES, rule=parameters.split)
    write_table(folder.tmp / "rows.parquet", table)
    current = current_version(folder)
    text = json.dumps([[shard.identity for shard in shards], CLASSES], separators=(",", ":"))
    version, _ = publish(
        folder,
        Version(
            number=next_number(folder),
            parent=current.number if current else None,
            identity=_hash(text),
            plan=plan.identity,
            created="2026-01-01T00:00:00+00:00",
            source="/images",
            parameters=parameters,
            classes=CLASSES,
            listed=len(rows.names),
            stored=len(rows.names),
            refused=0,
            bytes=sum(stored.bytes for shard in shards for stored in shard.objects),
            shards=shards,
            table=store_object(folder, folder.tmp / "rows.parquet", prefix="rows", suffix=".parquet"),
            views=_stored_views(folder, parameters, shards),
            report=stored_bytes(folder, b"name,reason,detail\n", prefix="refused", suffix=".csv"),
            card=stored_bytes(folder, f"# {folder.name}, {text}\n".encode(), prefix="card", suffix=".md"),
        ),
    )
    ensure_spare(folder, version, folder.tmp)
    return version


def _stored_views(
    folder: DatasetFolder, parameters: Parameters, shards: tuple[VersionShard, ...]
) -> tuple[StoredObject, ...]:
    views = []
    for place, side in enumerate(parameters.sides if parameters.array_format == "hdf5" else ()):
        path = folder.tmp / "view.h5"
        # One that was there already was not taken over.
        remove(path)
        write_virtual_view(path, side, [(shard.objects[place], shard.rows) for shard in shards if shard.rows])
        views.append(store_object(folder, path, prefix=f"all-{side}", suffix=".h5"))
    return tuple(views)


def _stored_array(
    folder: DatasetFolder,
    name: str,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    ids: NDArray[np.uint64],
    rows_per_chunk: int,
) -> ShardArray:
    side = images.shape[1]
    path = folder.tmp / f"half-built-{side}"
    remove(path)
    with array_format(name).create(path, ArraySpec(side, len(images), rows_per_chunk)) as writer:
        writer.append(images, labels, ids)
    chunks = [images[first : first + rows_per_chunk] for first in range(0, len(images), rows_per_chunk)]
    stored = store_object(folder, path, prefix=str(side), suffix=array_format(name).suffix)
    return ShardArray(side, stored, rows_per_chunk, tuple(plain_crc32c(chunk.tobytes()) for chunk in chunks))
