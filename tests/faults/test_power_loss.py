"""Row 3: after a power cut at any call, whatever was not synced lost, torn or reordered, old or new is there, whole."""

from __future__ import annotations

import random
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.bare_prepare import BareJob
from tests.faults.crash_states import Call, Disk, calls_in, same_tree
from tests.faults.fork_server import Action, Fault, ForkServer
from tests.faults.scenarios import (
    Scenario,
    Trial,
    assert_all_hold,
    assert_old_or_new,
    assert_resumes,
    dataset_of,
)

ScenarioOf = Callable[[str, str], Scenario]
NAMES, FORMATS = ("first build", "addition"), ("hdf5", "bcolz")
WAYS = ("undisturbed", "resumed after a kill")
CUTS_OF_A_RUN = 4


@contextmanager
def recorded(scenario: Scenario, server: ForkServer, *kills: int) -> Iterator[tuple[BareJob, Disk]]:
    """Run a job to its end, after a kill at each of `kills`; give its root as it is then, and what led there."""
    with scenario.root() as job, tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        for at in kills:
            assert server.trial(job, Fault(Action.KILL, at), log=log).code == -signal.SIGKILL
        assert server.trial(job, log=log).code == 0
        yield job, Disk(Path(job.root), found=scenario.found, calls=calls_in(log))


@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_the_log_has_every_write_of_the_array_libraries(
    name: str, array_format: str, scenario_of: ScenarioOf, server: ForkServer, tmp_path: Path
):
    """What is replayed from the log is the tree itself, byte for byte: after the run, and where it was killed."""
    scenario = scenario_of(name, array_format)
    with recorded(scenario, server) as (job, disk):
        disk.as_it_was(len(disk.calls), tmp_path / "replayed")
        assert same_tree(tmp_path / "replayed", Path(job.root))
        suffix = {"hdf5": ".h5", "bcolz": ".blp"}[array_format]
        has_writes = any(call.kind == "w" and call.path.endswith(suffix) for call in disk.calls)
        assert has_writes
        total = len(disk.calls)
    for at in range(total // 7, total, total // 7):
        with scenario.root() as job:
            log, replayed = tmp_path / f"log {at}", tmp_path / f"replayed {at}"
            server.trial(job, Fault(Action.KILL, at), log=log)
            Disk(Path(job.root), found=scenario.found, calls=calls_in(log)).as_it_was(at, replayed)
            assert same_tree(replayed, Path(job.root))


def promised_from(calls: list[Call]) -> int:
    """Return the call from which on the new version must be there: the one after its folder was synced,
    and at the latest the end of the run that reported it."""
    linked = max(number for number, call in enumerate(calls) if call.kind == "l" and "/versions/" in call.other)
    synced = [number for number, call in enumerate(calls) if call.kind == "s" and call.path.endswith("/versions")]
    return next((number + 1 for number in synced if number > linked), len(calls))


def cuts(calls: list[Call], chance: random.Random) -> Iterator[int]:
    """Yield calls before which the power goes: at random, around a change of names, or after the run's end."""
    named = [number for number, call in enumerate(calls) if call.kind in "rls"]
    while True:
        yield chance.choice((chance.randint(0, len(calls)), chance.choice(named) + chance.randint(0, 1), len(calls)))


def assert_survives_power_cut(
    scenario: Scenario, server: ForkServer, disk: Disk, at: int, chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory(dir=scenario.found.parent) as folder:
        job = replace(scenario.job, root=str(Path(folder, "root")))
        disk.after_power_cut(at, Path(job.root), chance)
        is_new = assert_old_or_new(scenario, dataset_of(job))
        is_promised = at >= promised_from(disk.calls)
        assert is_new or not is_promised, "the version that the run reported is gone"
        assert_resumes(scenario, server, job)


def named_calls(scenario: Scenario, server: ForkServer) -> list[int]:
    """Return the numbers, from 1, of the calls of an undisturbed run that give something its final name."""
    with recorded(scenario, server) as (_, disk):
        return [number for number, call in enumerate(disk.calls, 1) if call.kind in "rl"]


def trials(scenario: Scenario, server: ForkServer, way: str, *, runs: int, seed: int) -> Iterator[Trial]:
    """Yield power cuts, a few for each of `runs` recorded runs."""
    chance = random.Random(f"{seed} {scenario.name} {scenario.job.array_format} {way}")
    named = named_calls(scenario, server)
    for _ in range(runs):
        # Killed between a new name and its sync, a run leaves it to the next one, which finds it done.
        kills = [chance.choice(named) + 1] if way == WAYS[1] else []
        with recorded(scenario, server, *kills) as (_, disk):
            for at in islice(cuts(disk.calls, chance), CUTS_OF_A_RUN):
                name = f"kills {kills}, power cut before call {at} of {len(disk.calls)}"
                yield name, partial(assert_survives_power_cut, scenario, server, disk, at, chance)


def strike(scenario: Scenario, server: ForkServer, way: str, *, runs: int, seed: int) -> None:
    fault = f"power cut, {scenario.name}, {way}, {scenario.job.array_format}"
    assert_all_hold(3, fault, trials(scenario, server, way, runs=runs, seed=seed))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_after_a_power_cut_there_is_old_or_new_and_never_a_mixture(
    name: str, array_format: str, way: str, scenario_of: ScenarioOf, server: ForkServer
):
    strike(scenario_of(name, array_format), server, way, runs=2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_after_any_of_many_power_cuts_there_is_old_or_new_and_never_a_mixture(
    name: str, array_format: str, way: str, scenario_of: ScenarioOf, server: ForkServer
):
    strike(scenario_of(name, array_format), server, way, runs=33, seed=2)
