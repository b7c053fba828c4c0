"""Runs that begin within half a second of each other: one result, no mixture, also where locks lock nothing."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.bare_prepare import REPOSITORY, BareJob
from tests.faults.c_shims import preloaded
from tests.faults.figures import record
from tests.faults.racers import Ended, Racers, wait_until_stopped
from tests.faults.tiny_source import add_pictures
from tests.oracles.published_dataset import assert_whole, version_bodies

LIMIT = 2.0
"""Seconds within which a run that meets another one has said so and ended."""
FEW, MANY = 24, 32
"""Pictures of the smaller and of the larger source; the larger has those of the smaller."""
SPREADS = (0.0, 0.02, 0.1, 0.5)
"""Seconds within which the runs of a race begin."""
WITHOUT_LOCKS = {(0, "published"), (0, "unchanged"), (1, "VersionConflict")}


@dataclass(frozen=True)
class Race:
    """Some jobs for one dataset, the seconds after which each begins, and the job whose version stands there before."""

    jobs: tuple[BareJob, ...]
    delays: tuple[float, ...]
    in_pool: bool
    before: BareJob | None

    @property
    def is_one_job(self) -> bool:
        return len(set(self.jobs)) == 1


@dataclass
class Tally:
    """What became of the runs of many races, and what did not hold."""

    ends: Counter[str] = field(default_factory=Counter)
    slowest_refusal: float = 0.0
    broken: list[str] = field(default_factory=list)

    def count(self, ends: list[Ended]) -> None:
        self.ends.update(run.status for run in ends)
        refusals = [run.seconds for run in ends if run.code == 11]
        self.slowest_refusal = max([self.slowest_refusal, *refusals])


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("sources")
    return {count: add_pictures(folder / str(count), count) for count in (FEW, MANY)}


def races(sources: dict[int, Path], root: Path, *, count: int, seed: int) -> Iterator[Race]:
    """Draw races between two to four runs, each on a dataset of its own."""
    chance = random.Random(seed)
    for number in range(count):
        plain = BareJob(str(sources[MANY]), str(root), f"race-{number}", array_format=chance.choice(("hdf5", "bcolz")))
        smaller = replace(plain, source=str(sources[FEW]))
        choices = (plain,) if number % 2 else (plain, smaller, replace(plain, rows_per_shard=12))
        runs, spread = chance.randint(2, 4), chance.choice(SPREADS)
        yield Race(
            jobs=tuple(chance.choice(choices) for _ in range(runs)),
            delays=tuple(0.02 + chance.uniform(0, spread) for _ in range(runs)),
            in_pool=chance.random() < 0.1,
            before=smaller if chance.random() < 0.5 else None,
        )


def run_all(races: Iterator[Race], *, locks: bool) -> tuple[Tally, int]:
    """Run the races one after another; return what became of them and how many they were."""
    tally, number = Tally(), 0
    with Racers(preloaded() if locks else preloaded("useless_locks")) as racers:
        for number, race in enumerate(races, start=1):
            try:
                run_one(racers, race, tally, locks=locks)
            except AssertionError as error:
                tally.broken.append(f"race {number}: {race}: {error}")
    return tally, number


def run_one(racers: Racers, race: Race, tally: Tally, *, locks: bool) -> None:
    """Run a race and check everything that was promised of it."""
    dataset = Path(race.jobs[0].root, race.jobs[0].dataset)
    former = [racers.ended(racers.start(race.before))] if race.before else []
    started = [
        racers.start(job, delay=delay, in_pool=race.in_pool) for job, delay in zip(race.jobs, race.delays, strict=True)
    ]
    ends = [racers.ended(pid) for pid in started]
    tally.count(ends)
    for run in ends:
        if locks and run.code == 11:
            require_told_in_time(run, dataset, others=set(started) - {run.pid})
        else:
            allowed = WITHOUT_LOCKS if not (locks or race.is_one_job) else {(0, "published"), (0, "unchanged")}
            assert (run.code, run.status) in allowed, f"{run}"
    require_one_history(dataset, [*former, *ends], is_one_job=race.is_one_job)
    require_nothing_left(dataset)
    last = max(range(len(ends)), key=lambda run: (ends[run].status == "published", ends[run].said.get("version", 0)))
    again = racers.ended(racers.start(race.jobs[last]))
    assert (again.code, again.status) == (0, "unchanged"), f"run again: {again}"
    shutil.rmtree(dataset)


def require_told_in_time(run: Ended, dataset: Path, *, others: set[int]) -> None:
    """Check that a run that was turned away said within the limit who is at work."""
    told = re.match(
        rf"{re.escape(str(dataset))} is being built by process (\d+) on {re.escape(socket.gethostname())} since ",
        str(run.said["message"]),
    )
    assert told, f"does not say who: {run}"
    assert int(told[1]) in others, f"names a process that is not at work, {others} are: {run}"
    assert run.seconds < LIMIT, f"took too long: {run}"


def require_one_history(dataset: Path, ends: list[Ended], *, is_one_job: bool) -> None:
    """Check that each version was published by one run, on top of the one before, and is whole."""
    bodies = list(version_bodies(dataset).values())
    numbers = [body["number"] for body in bodies]
    assert numbers == list(range(1, len(bodies) + 1))
    assert numbers == sorted(run.said["version"] for run in ends if run.status == "published")
    for older, newer in pairwise(bodies):
        assert newer["parent"] == older["number"]
        assert newer["identity"] != older["identity"], "the same content was published twice"
    if is_one_job:
        assert len({body["identity"] for body in bodies}) == len(bodies)
    for body in bodies:
        assert_whole(dataset, body, Path(body["source"]))


def require_nothing_left(dataset: Path) -> None:
    """Check that runs that ended left nothing half done."""
    assert list((dataset / "tmp").iterdir()) == []
    assert list(dataset.rglob("*.partial")) == []


COMMAND = [sys.executable, "-m", "flows.command_line", "prepare", "--dataset", "demo", "--size", "16", "--json"]


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("locks", [pytest.param(True, marks=pytest.mark.slow), False], ids=["locks", "useless-locks"])
def test_runs_at_the_same_time_end_in_one_history_of_whole_versions(
    locks: bool, count: int, sources: dict[int, Path], memory_path: Path
):
    tally, ran = run_all(races(sources, memory_path, count=count, seed=count), locks=locks)
    fault = "2–4 runs within 0–500 ms, " + ("locks on" if locks else "locks that lock nothing")
    figures: dict[str, int | float] = {
        "runs": tally.ends.total(),
        "published": tally.ends["published"],
        "unchanged": tally.ends["unchanged"],
        "conflicts": tally.ends["VersionConflict"],
        "refused": tally.ends["DatasetLocked"],
    }
    if locks:
        figures["slowest_refusal"] = round(tally.slowest_refusal, 3)
    record(6, fault=fault, injected=ran, held=ran - len(tally.broken), **figures)
    assert not tally.broken, "\n".join(tally.broken)
    assert tally.ends["DatasetLocked" if locks else "unchanged"] > 0, "none of the races was one"


@pytest.mark.slow
def test_the_command_line_says_within_two_seconds_who_is_at_work(
    sources: dict[int, Path], tmp_path: Path, prefect_api: str
):
    """From the moment when it asks for the lock: what it takes to start Python and Prefect is another matter."""
    job = BareJob(str(sources[FEW]), str(tmp_path))
    with Racers(preloaded("stop_before")) as racers:
        holder = racers.start(job, stop_before="opendir:1:/versions")
        assert wait_until_stopped(holder)
        # The quickest of three: the others may have waited for other tests.
        took = min(seconds_to_be_turned_away(job, holder, prefect_api) for _ in range(3))
    record(6, fault="the command line, locks on", injected=1, held=int(took < LIMIT), seconds=round(took, 2))
    assert took < LIMIT


def seconds_to_be_turned_away(job: BareJob, holder: int, api: str) -> float:
    """Run `imagemill prepare` on a dataset that `holder` has; return the seconds from its asking to its end."""
    command = subprocess.Popen(
        [*COMMAND, job.source, "--slow", job.root],
        cwd=REPOSITORY,
        env=preloaded("stop_before", STOP_BEFORE="flock:1:/demo/lock") | {"PREFECT_API_URL": api},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert wait_until_stopped(command.pid), f"{command.communicate()}"
    asked = time.monotonic()
    command.send_signal(signal.SIGCONT)
    output, errors = command.communicate()
    seconds = time.monotonic() - asked
    assert command.returncode == 11, errors
    assert f"is being built by process {holder} on " in json.loads(output)["error"]
    return seconds
