"""Jobs for shards of small images, made without the code that lists and plans."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
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
from storage.publishing import publish
from storage.tiers import Tiers
from storage.versions import Version
from tasks.ops.listing import list_class_folders
from tasks.ops.planning import make_plan
from tasks.ops.refusal_report import REPORT, report_refused
from tasks.ops.shard_building import DecodingGuard, ShardJob, build_shard
from tasks.ops.version_assembly import draft_version
from tests.examples import PARAMETERS
from tests.faults.bare_prepare import BareJob
from tests.oracles.conversions import encoded
from tests.tasks.ops.paired_images import Oracle
from tests.tasks.ops.prepared_images import Prepared, add_files

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
class Finished:
    """A plan of three good pictures and two bad ones in two shards, of which every shard has its receipt."""

    tiers: Tiers
    folder: DatasetFolder
    plan: Plan
    shuffled: pa.Table


@dataclass(frozen=True)
class Published(Finished):
    """The same, published."""

    version: Version


@pytest.fixture
def finished(folder: DatasetFolder, parameters: Parameters, pngs: Callable[..., dict[str, bytes]]) -> Finished:
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
    root = folder.path.parent
    return Finished(Tiers(root, root), folder, plan, shuffled)


@pytest.fixture
def published(finished: Finished) -> Published:
    folder, plan, shuffled = finished.folder, finished.plan, finished.shuffled
    report_refused(folder, plan, folder.tmp)
    draft = draft_version(folder, plan, shuffled, folder.tmp, built_on=None, report=folder.tmp / REPORT)
    version, _ = publish(folder, draft)
    return Published(finished.tiers, folder, plan, shuffled, version)


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


# ---- Datasets that were prepared by all steps of the product


@pytest.fixture(scope="session")
def prepared_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Prepared]:
    """Prepare two versions in an array format, once for all tests. Do not change them."""

    @cache
    def build(array_format: str) -> Prepared:
        root = tmp_path_factory.mktemp("prepared")
        source = root / "source"
        job = BareJob(
            str(source), str(root / "slow"), "photos", array_format=array_format, rows_per_shard=3, max_refused=1.0
        )
        prepared = Prepared(Tiers(root / "slow", root / "fast"), source, job)
        files = {f"cat/{number}.png": encoded(picture(number), "PNG") for number in range(7)}
        add_files(source, {**files, "dog/text.jpg": b"not an image"})
        assert prepared.prepare() == {"status": "published", "version": 1, "built": 3}
        add_files(source, {f"dog/{number}.png": encoded(picture(number), "PNG") for number in (7, 8)})
        assert prepared.prepare() == {"status": "published", "version": 2, "built": 1}
        return prepared

    return build


@pytest.fixture(params=[pytest.param("bcolz", marks=pytest.mark.slow), "hdf5"])
def prepared(
    request: pytest.FixtureRequest, prepared_once: Callable[[str], Prepared], tmp_path: Path
) -> Iterator[Prepared]:
    """A copy of the two versions, which a test may change; the images are where the plans say, until it ends."""
    original = prepared_once(request.param)
    shutil.copytree(original.tiers.slow, tmp_path / "slow")
    kept = Path(shutil.copytree(original.source, tmp_path / "kept"))
    job = replace(original.job, root=str(tmp_path / "slow"))
    yield Prepared(Tiers(tmp_path / "slow", tmp_path / "fast"), original.source, job)
    shutil.rmtree(original.source, ignore_errors=True)
    kept.rename(original.source)


# ---- Pairs


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """What pairs should be, worked out in another process."""
    found = Oracle(tmp_path_factory.mktemp("oracle"))
    yield found
    found.close()
