"""A run that is stopped (SIGSTOP) while others work, and then goes on: it cannot publish over what is newer."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.bare_prepare import BareJob
from tests.faults.c_shims import preloaded
from tests.faults.figures import record
from tests.faults.racers import Ended, Racers, stop, wait_until_stopped
from tests.faults.tiny_source import add_pictures
from tests.oracles.published_dataset import Body, assert_whole, state_of, version_bodies

BEFORE, HOLDER, GROWN = 16, 24, 32
"""Pictures in the source: when a version was published before, when the holder begins, and when it was overtaken."""
CONFLICT = (
    r"another run published version \d+ of demo with other content while this one was building; "
    r"nothing of it was overwritten"
)
DECISIONS = (*(f"opendir:{nth}:/versions" for nth in (1, 2, 3, 4)), "link:1:/versions/")
"""Calls by which a run looks what it builds on and which number is free, and the one that makes a version."""
STOPS = (
    *DECISIONS,
    "rename:1:/plans/",
    *(f"rename:{nth}:/receipts/" for nth in (1, 2, 3)),
    *(f"rename:{nth}:/objects/" for nth in range(1, 12)),
)
"""Calls before which a holder is stopped, after it took the lock."""


@dataclass(frozen=True)
class Trial:
    """How a holder is stopped, at a call or after some seconds, and what is different when the other run begins."""

    array_format: str = "hdf5"
    in_pool: bool = False
    stop_before: str = ""
    stop_after: float = 0.0
    has_former: bool = False
    grows: bool = True


def trials_at_calls(stops: tuple[str, ...]) -> list[Trial]:
    """Return trials in which the holder is stopped at each of `stops`, with and without a version before."""
    return [Trial(stop_before=stop, has_former=has_former) for stop in stops for has_former in (False, True)]


def trials_at_random(count: int) -> list[Trial]:
    """Draw trials in which the holder is stopped at any time, and others publish what it wants to, or more."""
    chance = random.Random(count)
    return [
        Trial(
            array_format=chance.choice(("hdf5", "bcolz")),
            in_pool=chance.random() < 0.2,
            stop_after=chance.uniform(0, 0.3),
            has_former=chance.random() < 0.5,
            grows=chance.random() < 0.7,
        )
        for _ in range(count)
    ]


def run_trial(racers: Racers, trial: Trial, folder: Path) -> str:
    """Stop a holder, let another run publish, let the holder go on; return how the holder ended.

    What was promised is checked on the way.
    """
    source = add_pictures(folder / "source", BEFORE)
    job = BareJob(str(source), str(folder), array_format=trial.array_format)
    dataset = folder / job.dataset
    if trial.has_former:
        assert racers.ended(racers.start(job)).status == "published"
    add_pictures(source, HOLDER - BEFORE, first=BEFORE)
    holder = racers.start(job, stop_before=trial.stop_before, in_pool=trial.in_pool)
    if not trial.stop_before:
        time.sleep(trial.stop_after)
        stop(holder)
    is_stopped = wait_until_stopped(holder)
    if trial.grows:
        add_pictures(source, GROWN - HOLDER, first=HOLDER)
    other = racers.ended(racers.start(job))
    assert (other.code, other.status) in {(0, "published"), (0, "unchanged")}, f"{other}"
    newest = list(version_bodies(dataset).values())[-1]
    assert newest["listed"] == (GROWN if trial.grows else HOLDER)
    if is_stopped:
        os.kill(holder, signal.SIGCONT)
    ended = racers.ended(holder)
    require_not_overwritten(dataset, newest, ended)
    again = racers.ended(racers.start(job))
    assert (again.code, again.status) == (0, "unchanged"), f"run again: {again}"
    return ended.status if is_stopped else "not stopped"


def require_not_overwritten(dataset: Path, newest: Body, ended: Ended) -> None:
    """Check that the version that overtook the holder is still the highest, and that the holder knows what happened."""
    bodies = list(version_bodies(dataset).values())
    assert bodies[-1]["number"] == newest["number"], f"published over version {newest['number']}: {ended}"
    assert state_of(bodies[-1]) == state_of(newest)
    for body in bodies:
        assert_whole(dataset, body, Path(body["source"]))
    if ended.status == "VersionConflict":
        assert ended.code == 1
        assert re.match(CONFLICT, str(ended.said["message"]))
    else:
        # What it published before it was stopped lies below what overtook it.
        assert (ended.code, ended.status) in {(0, "unchanged"), (0, "published")}, f"{ended}"
        assert ended.said["version"] <= newest["number"]
    assert list((dataset / "tmp").iterdir()) == []
    assert list(dataset.rglob("*.partial")) == []


def require_held(trials: list[Trial], folder: Path, *, fault: str) -> None:
    """Run trials, record what became of them, and check that all held."""
    ends, broken = Counter[str](), list[str]()
    with Racers(preloaded("useless_locks", "stop_before")) as racers:
        for number, trial in enumerate(trials):
            try:
                ends[run_trial(racers, trial, folder / str(number))] += 1
            except AssertionError as error:
                broken.append(f"{trial}: {error}")
    record(
        7,
        fault=f"{fault}, overtaken, continued; locks that lock nothing",
        injected=len(trials),
        held=len(trials) - len(broken),
        conflicts=ends["VersionConflict"],
        unchanged=ends["unchanged"],
        published_before=ends["published"],
        ended_before=ends["not stopped"],
    )
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("stops", [DECISIONS, pytest.param(STOPS, marks=pytest.mark.slow)], ids=["decisions", "all"])
def test_a_run_stopped_right_before_a_call_cannot_publish_over_a_newer_version(
    stops: tuple[str, ...], memory_path: Path
):
    require_held(trials_at_calls(stops), memory_path, fault="holder stopped before a system call")


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_a_run_stopped_at_random_cannot_publish_over_a_newer_version(count: int, memory_path: Path):
    require_held(trials_at_random(count), memory_path, fault="holder stopped at a random time")


@pytest.mark.parametrize("stops", [STOPS[::8], pytest.param(STOPS, marks=pytest.mark.slow)], ids=["some", "all"])
def test_while_a_run_is_stopped_others_are_told_so_and_once_it_is_killed_they_go_on(
    stops: tuple[str, ...], memory_path: Path
):
    broken = list[str]()
    with Racers(preloaded("stop_before")) as racers:
        for number, stop_before in enumerate(stops):
            try:
                run_locked_out(racers, stop_before, memory_path / str(number))
            except AssertionError as error:
                broken.append(f"{stop_before}: {error}")
    record(7, fault="holder stopped, then killed; locks on", injected=len(stops), held=len(stops) - len(broken))
    assert not broken, "\n".join(broken)


def run_locked_out(racers: Racers, stop_before: str, folder: Path) -> None:
    """Let a second run meet a stopped one, and a third one come after the first was killed."""
    source = add_pictures(folder / "source", HOLDER)
    job = BareJob(str(source), str(folder))
    dataset = folder / job.dataset
    holder = racers.start(job, stop_before=stop_before)
    is_stopped = wait_until_stopped(holder)
    second = racers.ended(racers.start(job))
    if not is_stopped:
        assert (second.code, second.status) == (0, "unchanged"), f"{second}"
        return
    assert second.code == 11
    assert str(second.said["message"]).startswith(f"{dataset} is being built by process {holder} on "), f"{second}"
    assert version_bodies(dataset) == {}
    os.kill(holder, signal.SIGKILL)
    assert racers.ended(holder).code == -signal.SIGKILL
    third = racers.ended(racers.start(job))
    assert (third.code, third.status, third.said["version"]) == (0, "published", 1), f"{third}"
    (body,) = version_bodies(dataset).values()
    assert_whole(dataset, body, source)
    assert list((dataset / "tmp").iterdir()) == []
