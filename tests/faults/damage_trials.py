"""One dataset on two disks that is damaged, read, repaired and compared again and again."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
from blake3 import blake3
from numpy.typing import NDArray

from storage.errors import DatasetError
from storage.reading import OpenVersion, open_version
from storage.receipts import Receipt
from storage.staging import stage
from storage.tiers import Access, Tiers
from storage.versions import current_version
from tasks.ops.shard_building import ShardJob
from tests.faults.bare_prepare import BareJob, build_here, prepare
from tests.faults.damages import ASIDE, DATASET, Target, targets_in
from tests.faults.tiny_source import CLASSES, add_pictures, picture_name
from tests.oracles.published_dataset import Body, assert_whole, rows_of, version_bodies

NOT_PUBLISHED = {"lock", "logs", "pins", "tmp", "announced"}
SPARE = re.compile(r"(\d{8})-([0-9a-f]{64})\.zip")
Tree = dict[Path, tuple[str, int, int]]
"""What lies where: content, inode, and nanoseconds of the last change."""


@dataclass(frozen=True)
class Bench:
    """Two versions of a dataset below `base`, which share a shard, with all there is to know of them beforehand."""

    base: Path
    array_format: str
    targets: tuple[Target, ...]
    expected: dict[int, dict[str, NDArray[Any]]]
    whole: Tree

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.base / "slow", self.base / "fast")

    @property
    def slow_alone(self) -> Tiers:
        return Tiers(self.base / "slow", self.base / "slow")

    @property
    def dataset(self) -> Path:
        return self.base / "slow" / DATASET

    @property
    def source(self) -> Path:
        return self.base / "source"

    def tidy(self) -> None:
        """Remove what damage has put aside."""
        for folder in self.base.glob(f"*/{ASIDE}*"):
            shutil.rmtree(folder)

    def reset(self) -> None:
        """Put everything back to what it was in the beginning, whatever is there now."""
        for name in ("source", "slow", "fast"):
            shutil.rmtree(self.base / name)
            shutil.copytree(self.base / "spare" / name, self.base / name, symlinks=True)


def make_bench(base: Path, array_format: str) -> Bench:
    """Publish version 1 with a picture missing, which is back in version 2 with others, and copy all to the fast root.

    So version 1 stands on a receipt that was superseded.
    """
    sides, rows, first = ((128, 16), 6, 12) if array_format == "hdf5" else ((224, 16), 30, 34)
    source = add_pictures(base / "source", first)
    (source / CLASSES[0] / f"{CLASSES[0]}_bad.JPEG").write_bytes(b"no picture")
    job = BareJob(str(source), str(base / "slow"), DATASET, sides, array_format, rows, max_refused=0.5)
    late = source / picture_name(3)

    def build_without(jobs: Iterable[ShardJob]) -> Iterable[Receipt]:
        late.rename(base / "late")
        return build_here(jobs)

    prepare(job, build=build_without)
    (base / "late").rename(late)
    tiers = Tiers(base / "slow", base / "fast")
    _stage_current(tiers)
    prepare(replace(job, source=str(add_pictures(source, 5, first=first))))
    _stage_current(tiers)
    dataset = base / "slow" / DATASET
    bodies = version_bodies(dataset)
    assert list(bodies) == [1, 2]
    assert_whole(dataset, bodies[2], source)
    for name in ("source", "slow", "fast"):
        shutil.copytree(base / name, base / "spare" / name)
    targets = tuple(targets_in(dataset, base / "fast" / DATASET))
    return Bench(base, array_format, targets, dict(_expected(dataset, bodies)), tree_below(base))


def _stage_current(tiers: Tiers) -> None:
    version = current_version(tiers.authority(DATASET))
    assert version is not None
    stage(tiers, DATASET, version.objects)


def _expected(dataset: Path, bodies: dict[int, Body]) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
    """Yield for each version by number what a reader should get, read by the oracle."""
    for number, body in bodies.items():
        table = parquet.read_table(dataset / "objects" / body["table"]["name"])
        found: dict[str, NDArray[Any]] = {name: table[column].to_numpy() for name, column in COLUMNS.items()}
        for place, side in enumerate(body["parameters"]["sides"]):
            parts = [rows_of(dataset / "objects" / shard["objects"][place]["name"]) for shard in body["shards"]]
            found[str(side)] = np.concatenate([images for images, _, _ in parts])
        yield number, found


# ---- What lies on the disks


def tree_below(base: Path) -> Tree:
    """Return all that was published below both roots."""
    found: Tree = {}
    for root in ("slow", "fast"):
        for path in _published(base / root / DATASET):
            facts = path.lstat()
            content, name = _content(path), SPARE.fullmatch(path.name)
            if name and name[2] == content:
                # A spare that is made anew may hold a receipt under the name that it has by now.
                path, content = path.with_name(f"{name[1]}.zip"), "spare"
            found[path] = (content, facts.st_ino, facts.st_mtime_ns)
    return found


def differences(now: Tree, then: Tree) -> list[Path]:
    """Return the paths at which there is not what there was; inodes and times do not count."""
    return sorted(path for path in now.keys() | then.keys() if _bytes_at(now, path) != _bytes_at(then, path))


def touched(now: Tree, then: Tree) -> set[Path]:
    """Return the paths of the files that were written or set to another time."""
    return {path for path in now.keys() & then.keys() if now[path] != then[path] and now[path][0] != "folder"}


def _bytes_at(tree: Tree, path: Path) -> str:
    return tree[path][0] if path in tree else "nothing"


def _published(dataset: Path) -> Iterator[Path]:
    for entry in sorted(dataset.iterdir()):
        if entry.name not in NOT_PUBLISHED:
            yield entry
            yield from (Path(folder, name) for folder, *names in os.walk(entry) for name in chain(*names))


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    return blake3(path.read_bytes()).hexdigest() if path.is_file() else "folder"


# ---- What a reader gets

COLUMNS = {"labels": "label", "ids": "id", "splits": "split"}


@dataclass
class Reads:
    """What a reader got of all versions by all ways: how often the right thing, how often a refusal, and what else."""

    right: int = 0
    refused: int = 0
    wrong: tuple[str, ...] = ()


def reads_of(bench: Bench, tiers: Tiers) -> Reads:
    """Read everything of the current version and of both, in both ways."""
    reads = Reads()
    ways: tuple[Access, ...] = ("sequential", "random") if tiers.is_split else ("sequential",)
    for access in ways:
        for number in (None, 1, 2):
            try:
                with open_version(tiers, DATASET, number=number, access=access) as opened:
                    _read_all(bench, opened, reads, number)
            except DatasetError:
                reads.refused += 1
    return reads


def _read_all(bench: Bench, opened: OpenVersion, reads: Reads, number: int | None) -> None:
    if number not in (None, opened.version.number):
        reads.wrong += (f"version {number} turned out to be {opened.version.number}",)
    for name, expected in bench.expected[opened.version.number].items():
        try:
            found = opened.rows(int(name))[:] if name.isdecimal() else getattr(opened, name)
        except DatasetError:
            reads.refused += 1
            continue
        if np.array_equal(found, expected):
            reads.right += 1
        else:
            reads.wrong += (f"version {opened.version.number}: {name} are not what was published",)


def unreadable_rows(tiers: Tiers, number: int, side: int, expected: NDArray[np.uint8], rows: Iterable[int]) -> set[int]:
    """Return which of `rows` a reader refuses, one by one; none may be wrong."""
    refused = set()
    with open_version(tiers, DATASET, number=number, access="sequential") as opened:
        for row in rows:
            try:
                assert np.array_equal(opened.rows(side)[row], expected[row]), f"row {row} is not what was published"
            except DatasetError:
                refused.add(row)
    return refused
