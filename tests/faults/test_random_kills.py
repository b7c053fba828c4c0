"""Row 1: runs with a pool of workers are killed at random times, again and again, before one may come to its end."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.faults.bare_prepare import REPOSITORY, BareJob, run_bare
from tests.faults.fork_server import ForkServer
from tests.faults.pool_runs import ended, killed
from tests.faults.scenarios import (
    Scenario,
    Trial,
    assert_all_hold,
    assert_finished,
    assert_old_or_new,
    dataset_of,
    first_build,
    half_built_in,
    proved_in,
    states_of,
)

Start = Callable[[BareJob], "subprocess.Popen[str]"]
FORMATS = ("hdf5", "bcolz")
IMAGES, ROWS_PER_SHARD = 48, 3
KILLS_OF_A_DATASET = 5
SLOW_KILLS = 22
POLL_SECONDS = 0.002


@pytest.fixture
def scenario(array_format: str, place: Path, server: ForkServer) -> Scenario:
    job = BareJob("", "", array_format=array_format, rows_per_shard=ROWS_PER_SHARD, max_refused=0.2)
    return first_build(place, server, job, images=IMAGES)


def span_of_work(job: BareJob, start: Start) -> float:
    """Return the seconds from the first trace of a run to its end, when nothing disturbs it."""
    process = start(job)
    wait_for_work(process, job)
    began = time.monotonic()
    code, told = ended(process)
    assert code == 0, told
    return time.monotonic() - began


def wait_for_work(process: subprocess.Popen[str], job: BareJob) -> None:
    while process.poll() is None and not any(dataset_of(job).glob("tmp/*")):
        time.sleep(POLL_SECONDS)


def assert_survives_kill(scenario: Scenario, job: BareJob, start: Start, chance: random.Random, span: float) -> None:
    """Kill a run somewhere in its work, and check what it leaves."""
    dataset = dataset_of(job)
    while (kept := killed_at_work(job, start, chance.random() * span)) is None:
        # It had come to its end already.
        shutil.rmtree(dataset)
    assert kept <= receipts_in(dataset), "a receipt was lost"
    assert_old_or_new(scenario, dataset)
    begun = half_built_in(dataset, scenario)
    assert len(begun) <= job.workers, f"{len(begun)} shards of {job.workers} workers are to be built again"


def killed_at_work(job: BareJob, start: Start, seconds: float) -> set[tuple[str, int]] | None:
    """Kill a run so many seconds after its first trace; return the receipts just before, None if it had ended."""
    before = receipts_in(dataset_of(job))
    process = start(job)
    wait_for_work(process, job)
    time.sleep(seconds)
    before |= receipts_in(dataset_of(job))
    return before if killed(process) else None


def receipts_in(dataset: Path) -> set[tuple[str, int]]:
    """Return each receipt with the inode of its file: one that was written anew has another."""
    return {(path.stem, path.stat().st_ino) for path in dataset.glob("receipts/*.json")}


def strike(scenario: Scenario, start: Start, *, kills: int, workers: int, seed: int, fault: str) -> None:
    chance = random.Random(f"{seed} {workers} {scenario.job.array_format}")
    with scenario.root() as placed:
        span = span_of_work(replace(placed, workers=workers), start)
    assert_all_hold(1, fault, trials(scenario, start, kills=kills, workers=workers, chance=chance, span=span))


def trials(
    scenario: Scenario, start: Start, *, kills: int, workers: int, chance: random.Random, span: float
) -> Iterator[Trial]:
    """Yield kills, of which the last of a dataset lets the next run come to its end."""
    for first in range(0, kills, KILLS_OF_A_DATASET):
        with scenario.root() as placed:
            job = replace(placed, workers=workers)
            for number in range(first, min(first + KILLS_OF_A_DATASET, kills)):
                yield f"kill {number}", partial(assert_survives_kill, scenario, job, start, chance, span)
            proved = proved_in(dataset_of(job))
            assert_finished(scenario, job, *ended(start(job)), proved=proved)


@pytest.mark.parametrize(
    ("array_format", "workers", "kills"),
    [
        ("hdf5", 1, 3),
        pytest.param("hdf5", 3, 5, marks=pytest.mark.slow),
        pytest.param("bcolz", 2, 4, marks=pytest.mark.slow),
    ],
)
def test_killed_runs_lose_and_double_nothing(array_format: str, workers: int, kills: int, scenario: Scenario):
    fault = f"kill -9 at a random time, {array_format}"
    strike(scenario, run_bare, kills=kills, workers=workers, seed=1, fault=fault)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("array_format", FORMATS)
def test_many_killed_runs_lose_and_double_nothing(array_format: str, workers: int, seed: int, scenario: Scenario):
    fault = f"kill -9 at a random time, {array_format}"
    strike(scenario, run_bare, kills=SLOW_KILLS, workers=workers, seed=seed, fault=fault)


# ---- The real command line


@pytest.fixture
def command(prefect_api: str) -> Start:
    def start(job: BareJob) -> subprocess.Popen[str]:
        sizes = [option for side in job.sides for option in ("--size", str(side))]
        arguments = ["prepare", job.source, "--dataset", job.dataset, "--slow", job.root, "--format", job.array_format]
        numbers = ["--rows-per-shard", job.rows_per_shard, "--max-refused", job.max_refused, "--workers", job.workers]
        return subprocess.Popen(
            [sys.executable, "-m", "flows.command_line", *arguments, *sizes, *map(str, numbers), "--json"],
            cwd=REPOSITORY,
            env=os.environ | {"PREFECT_API_URL": prefect_api},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


def undisturbed(scenario: Scenario, start: Start) -> tuple[Scenario, float]:
    """Return the scenario with what the command makes of it, whose settings are its own, and the span of its work."""
    with scenario.root() as job:
        span = span_of_work(job, start)
        dataset = dataset_of(job)
        return replace(scenario, after=states_of(dataset), keys=frozenset(proved_in(dataset))), span


@pytest.mark.slow
@pytest.mark.parametrize("array_format", FORMATS)
def test_the_killed_command_line_loses_and_doubles_nothing(array_format: str, scenario: Scenario, command: Start):
    chance = random.Random(array_format)
    scenario, span = undisturbed(scenario, command)
    with scenario.root() as job:
        strike_once = partial(assert_survives_kill, scenario, job, command, chance, span)
        fault = f"kill -9 of the command line at a random time, {array_format}"
        assert_all_hold(1, fault, ((f"kill {number}", strike_once) for number in range(KILLS_OF_A_DATASET)))
        code, told = ended(command(job))
        assert code == 0, told
        is_new = assert_old_or_new(scenario, dataset_of(job))
        assert is_new
