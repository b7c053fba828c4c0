"""Oracles that share no code with the product, other processes, and a small published version."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

import storage
from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from storage.tiers import Tiers
from storage.versions import Version
from tests.examples import PARAMETERS
from tests.oracles.crc32c import plain_crc32c
from tests.storage.random_versions import Published, copied, published_rows, stored_bytes

# ---- Oracles


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
def draft(folder: DatasetFolder, parameters: Parameters) -> Version:
    """A version without shards, as it is before it is published as the first of `folder`; its objects are there."""
    return Version(
        number=1,
        parent=None,
        identity="a" * 64,
        plan="b" * 32,
        created="2026-01-01T00:00:00+00:00",
        source="/images",
        parameters=parameters,
        classes=("cat", "dog"),
        listed=3,
        stored=0,
        refused=3,
        bytes=0,
        shards=(),
        table=stored_bytes(folder, b"table", prefix="rows", suffix=".parquet"),
        views=(),
        report=stored_bytes(folder, b"report", prefix="refused", suffix=".csv"),
        card=None,
    )


class PublishRows(Protocol):
    def __call__(self, name: str, *, shards: tuple[int, ...], rows_per_chunk: int = 2) -> Published: ...


@pytest.fixture
def publish_rows(tmp_path: Path, parameters: Parameters) -> PublishRows:
    """Publish random rows in shards of the given numbers of rows, at 8 and at 4 pixels, in the format `name`.

    The version has all that one of the product has: plan, receipts, table, views, report, card and spare.
    """

    def build(name: str, *, shards: tuple[int, ...], rows_per_chunk: int = 2) -> Published:
        tiers = Tiers(tmp_path / "slow", tmp_path / "fast")
        return published_rows(
            tiers, replace(parameters, array_format=name), shards=shards, rows_per_chunk=rows_per_chunk
        )

    return build


class Prepublished(Protocol):
    def __call__(self, name: str, *versions: tuple[int, ...]) -> Published: ...


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Prepublished:
    """Publish versions whose shards have the given numbers of rows, the same ones only once. Do not change them."""

    @cache
    def build(name: str, *versions: tuple[int, ...]) -> Published:
        root = tmp_path_factory.mktemp("published")
        parameters = replace(PARAMETERS, array_format=name)
        tiers = Tiers(root / "slow", root / "fast")
        return [published_rows(tiers, parameters, shards=shards, rows_per_chunk=2) for shards in versions][-1]

    return build


@pytest.fixture
def prepublished(published_once: Prepublished, tmp_path: Path) -> Prepublished:
    """Give a copy of versions whose shards have the given numbers of rows, as the last of them was published."""
    return lambda name, *versions: copied(published_once(name, *versions), tmp_path)
