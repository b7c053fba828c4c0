"""Jobs for shards of small images, made without the code that lists and plans; and one image that is slow to decode."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pytest
from blake3 import blake3
from PIL import Image

from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from storage.plans import Plan, PlanSettings, SourceTree, write_plan
from storage.tiers import Tiers
from storage.versions import Version, publish
from tasks.ops.listing import list_class_folders
from tasks.ops.planning import make_plan
from tasks.ops.refusal_report import report_refused
from tasks.ops.shard_building import DecodingGuard, ShardJob, build_shard
from tasks.ops.version_assembly import draft_version
from tests.examples import PARAMETERS
from tests.oracles.conversions import encoded

SIDES = (16, 8)
MakeJob = Callable[..., ShardJob]


def picture(number: int) -> Image.Image:
    """A picture of 16×16 noise, each number another."""
    noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.fixture
def pngs() -> Callable[[int], dict[str, bytes]]:
    """Give `count` files of a class `cat`, whose pixels are those of `picture(number)`."""
    return lambda count: {f"cat/{number}.png": encoded(picture(number), "PNG") for number in range(count)}


@pytest.fixture(scope="session")
def slow_image() -> bytes:
    """A WebP of 6.5 megapixels of noise, which takes half a second to decode."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return encoded(Image.fromarray(np.tile(noise, (40, 40, 1))), "WEBP", quality=100, method=0)


@pytest.fixture
def parameters() -> Parameters:
    return replace(PARAMETERS, sides=SIDES)


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    return create_dataset(tmp_path / "root", "photos")


@pytest.fixture
def make_job(folder: DatasetFolder, parameters: Parameters, tmp_path: Path) -> MakeJob:
    """Write files into a source folder and give the job that builds one shard of them."""

    def make(files: dict[str, bytes], **changes: Any) -> ShardJob:
        source = tmp_path / "source"
        for name, content in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
        stats = [(source / name).stat() for name in files]
        settings = {
            "folder": folder,
            "scratch": folder.tmp,
            "source": source,
            "parameters": parameters,
            "key": blake3(" ".join(files).encode()).hexdigest(),
            "names": tuple(files),
            "labels": tuple(range(len(files))),
            "sizes": tuple(found.st_size for found in stats),
            "mtimes_ns": tuple(found.st_mtime_ns for found in stats),
        }
        return ShardJob(**{**settings, **changes})

    return make


@pytest.fixture
def no_process_is_left() -> Iterator[None]:
    """Check that the test leaves no process that it started, but the tracker that loky keeps for good."""
    before = _children()
    yield
    _, alive = psutil.wait_procs(_children() - before, timeout=10)
    assert [process.cmdline() for process in alive] == []


def _children() -> set[psutil.Process]:
    found = psutil.Process(os.getpid()).children(recursive=True)
    return {process for process in found if "resource_tracker" not in " ".join(_command(process))}


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


@dataclass(frozen=True)
class Published:
    """A version of three good pictures and two bad ones in two shards, and what it was made of."""

    tiers: Tiers
    folder: DatasetFolder
    plan: Plan
    shuffled: pa.Table
    version: Version


@pytest.fixture
def published(folder: DatasetFolder, parameters: Parameters, pngs: Callable[..., dict[str, bytes]]) -> Published:
    source = folder.path.parent.parent / "source"
    files = {**pngs(3), "dog/empty.jpg": b"", "dog/text.jpg": b"not an image"}
    for name, content in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    settings = PlanSettings(parameters, seed=0, rows_per_shard=3, selection="everything")
    plan, shuffled = make_plan(
        list_class_folders(source), None, dataset="photos", source=SourceTree(str(source), None), settings=settings
    )
    write_plan(folder, plan, shuffled)
    for job in planned_jobs(folder, plan, shuffled):
        build_shard(job, DecodingGuard())
    report = report_refused(folder, plan).report
    version, _ = publish(folder, draft_version(folder, plan, shuffled, folder.tmp, built_on=None, report=report))
    root = folder.path.parent
    return Published(Tiers(root, root), folder, plan, shuffled, version)


def planned_jobs(folder: DatasetFolder, plan: Plan, shuffled: pa.Table) -> list[ShardJob]:
    columns = {name: shuffled[name].to_pylist() for name in shuffled.column_names}
    jobs = []
    for shard in plan.shards:
        rows = slice(shard.first, shard.first + shard.count)
        jobs.append(
            ShardJob(
                folder=folder,
                scratch=folder.tmp,
                source=Path(plan.source.root),
                parameters=plan.settings.parameters,
                key=shard.key,
                names=tuple(columns["name"][rows]),
                labels=tuple(columns["label"][rows]),
                sizes=tuple(columns["size"][rows]),
                mtimes_ns=tuple(columns["mtime_ns"][rows]),
            )
        )
    return jobs
