"""Oracles that share no code with the product, other processes, and a small published version."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from blake3 import blake3
from numpy.typing import NDArray

import storage
from storage.array_formats import ArraySpec, array_format
from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parameters import Parameters
from storage.parquet import write_table
from storage.receipts import Receipt, ShardArray, StoredObject, write_receipt
from storage.row_tables import rows_table
from storage.tiers import Tiers
from storage.versions import Version, VersionShard, current_version, publish
from tests.examples import PARAMETERS

# ---- Oracles


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = _crc_table()


def plain_crc32c(content: bytes) -> int:
    """CRC-32C by its definition, a table of 256 entries and one byte at a time."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@pytest.fixture(scope="session")
def crc32c() -> Callable[[bytes], int]:
    return plain_crc32c


@pytest.fixture
def flip_bit() -> Callable[..., None]:
    """Flip one bit of a file in place."""

    def flip(path: Path, offset: int, bit: int = 0) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes([byte ^ (1 << bit)]))

    return flip


# ---- Other processes

StartPython = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Start Python code in another process, which can import what this one can; none outlives the test."""
    started: list[subprocess.Popen[str]] = []
    path = os.pathsep.join([str(Path(storage.__path__[0]).parent), os.environ.get("PYTHONPATH", "")])

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


# ---- Datasets


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    return create_dataset(tmp_path, "photos")


@pytest.fixture
def fresh() -> Iterator[Callable[[], Path]]:
    """Give a new empty folder at each call: hypothesis runs many examples in one test."""
    with tempfile.TemporaryDirectory() as folder:
        yield lambda: Path(tempfile.mkdtemp(dir=folder))


@pytest.fixture
def parameters() -> Parameters:
    return PARAMETERS


@pytest.fixture
def draft(parameters: Parameters) -> Version:
    """A version without shards, as it is before it is published."""
    return Version(
        number=0,
        parent=None,
        identity="a" * 64,
        plan="b" * 32,
        created="2026-01-01T00:00:00+00:00",
        source="/images",
        parameters=parameters,
        classes=("cat", "dog"),
        listed=3,
        stored=2,
        refused=1,
        bytes=10,
        shards=(),
        table=StoredObject("rows-x.parquet", "c" * 64, 5),
        views=(),
    )


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

    def object(self, shard: int, side: int) -> Path:
        place = self.version.parameters.sides.index(side)
        return self.tiers.authority(self.dataset).objects / self.version.shards[shard].objects[place].name


class PublishRows(Protocol):
    def __call__(self, name: str, *, shards: tuple[int, ...], rows_per_chunk: int = 2) -> Published: ...


@pytest.fixture
def publish_rows(tmp_path: Path, draft: Version) -> PublishRows:
    """Publish random rows in shards of the given numbers of rows, at 8 and at 4 pixels, in the format `name`."""

    def build(name: str, *, shards: tuple[int, ...], rows_per_chunk: int = 2) -> Published:
        tiers = Tiers(tmp_path / "slow", tmp_path / "fast")
        folder = create_dataset(tiers.slow, "photos")
        total, sides = sum(shards), (8, 4)
        random = np.random.default_rng(total)
        images = {side: random.integers(0, 256, (total, side, side, 3), dtype=np.uint8) for side in sides}
        labels = random.integers(0, 2, total)
        names = [f"cat/photo {row}.jpg" for row in range(total)]
        sources = [blake3(name.encode()).hexdigest() for name in names]
        ids = np.array([int(blake3(name.encode()).hexdigest()[:16], 16) for name in names], np.uint64)
        version_shards, first = [], 0
        for number, rows in enumerate(shards):
            mine = slice(first, first + rows)
            first += rows
            arrays = tuple(
                _stored_array(folder, name, images[side][mine], labels[mine], ids[mine], rows_per_chunk)
                for side in sides
            )
            key = blake3(f"{name} {shards} {rows_per_chunk} {number}".encode()).hexdigest()
            write_receipt(
                folder,
                Receipt(
                    key=key,
                    identity=f"identity of {key}",
                    rows=rows,
                    arrays=arrays if rows else (),
                    ids_digest=blake3(ids[mine].tobytes()).hexdigest(),
                    sources=tuple(sources[mine]),
                    refused=(),
                    cpu_seconds=0.5,
                ),
            )
            objects = tuple(array.stored for array in arrays) if rows else ()
            version_shards.append(VersionShard(key, f"identity of {key}", rows, objects))
        used = replace(draft.parameters, array_format=name)
        table = folder.tmp / "rows.parquet"
        write_table(
            table, rows_table(names, labels.tolist(), sources, classes=draft.classes, rule=draft.parameters.split)
        )
        stored = store_object(folder, table, prefix="rows", suffix=".parquet")
        filled = replace(
            draft,
            identity=blake3("".join(shard.key for shard in version_shards).encode()).hexdigest(),
            parameters=used,
            listed=total,
            stored=total,
            refused=0,
            shards=tuple(version_shards),
            table=stored,
        )
        current = current_version(folder)
        version, _ = publish(folder, filled, built_on=current.number if current else None)
        return Published(tiers, "photos", version, images, labels, names, sources)

    return build


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
    with array_format(name).create(path, ArraySpec(side, len(images), rows_per_chunk)) as writer:
        writer.append(images, labels, ids)
    chunks = [images[first : first + rows_per_chunk] for first in range(0, len(images), rows_per_chunk)]
    stored = store_object(folder, path, prefix=str(side), suffix=array_format(name).suffix)
    return ShardArray(side, stored, rows_per_chunk, tuple(plain_crc32c(chunk.tobytes()) for chunk in chunks))
