"""Row 2: a run is killed before each call that changes or syncs something; the next run ends as if it had not been."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tests.faults.fork_server import Action, Fault, ForkServer
from tests.faults.pool_runs import pool_run
from tests.faults.scenarios import (
    Scenario,
    assert_all_hold,
    assert_old_or_new,
    assert_resumes,
    dataset_of,
    half_built_in,
)

ScenarioOf = Callable[[str, str], Scenario]
NAMES, FORMATS = ("first build", "addition"), ("hdf5", "bcolz")
SAMPLE_STEP = 40
PARTS = 4
"""Every point is struck in so many tests, which may run beside each other."""
WORKERS = 2


def calls_of(scenario: Scenario, server: ForkServer) -> int:
    with scenario.root() as job:
        return server.trial(job).calls


def assert_survives_kill(scenario: Scenario, server: ForkServer, at: int) -> None:
    with scenario.root() as job:
        ended = server.trial(job, Fault(Action.KILL, at))
        assert ended.code == -signal.SIGKILL, ended
        dataset = dataset_of(job)
        assert_old_or_new(scenario, dataset)
        assert len(half_built_in(dataset, scenario)) <= 1, "one process had more than one shard in its hands"
        assert_resumes(scenario, server, job)


def strike(scenario: Scenario, server: ForkServer, points: range) -> None:
    fault = f"kill before a call, {scenario.name}, {scenario.job.array_format}"
    trials = ((f"call {at}", partial(assert_survives_kill, scenario, server, at)) for at in points)
    assert_all_hold(2, fault, trials)


@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_kill_at_any_of_a_sample_of_calls_loses_and_mixes_nothing(
    name: str, array_format: str, scenario_of: ScenarioOf, server: ForkServer
):
    scenario = scenario_of(name, array_format)
    points = range(SAMPLE_STEP // 2, calls_of(scenario, server) + 1, SAMPLE_STEP)
    strike(scenario, server, points)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_kill_at_every_call_loses_and_mixes_nothing(
    name: str, array_format: str, part: int, scenario_of: ScenarioOf, server: ForkServer
):
    scenario = scenario_of(name, array_format)
    points = range(1 + part, calls_of(scenario, server) + 1, PARTS)
    strike(scenario, server, points)


def assert_pool_survives_kill(scenario: Scenario, server: ForkServer, at: int) -> None:
    """Kill the run itself when it or a worker comes to call `at`; its workers must end with it."""
    with scenario.root() as placed:
        job = replace(placed, workers=WORKERS)
        ended = pool_run(job, Fault(Action.KILL_LEADER, at))
        assert ended.code == (-signal.SIGKILL if ended.met else 0), ended
        assert_old_or_new(scenario, dataset_of(job))
        assert len(half_built_in(dataset_of(job), scenario)) <= WORKERS
        assert_resumes(scenario, server, job)


@pytest.mark.parametrize(
    ("array_format", "step"),
    [
        ("hdf5", 170),
        ("bcolz", 300),
        pytest.param("hdf5", 13, marks=pytest.mark.slow),
        pytest.param("bcolz", 23, marks=pytest.mark.slow),
    ],
)
def test_a_pool_of_workers_that_is_killed_at_a_call_leaves_nothing_that_is_not_whole(
    array_format: str, step: int, scenario_of: ScenarioOf, server: ForkServer
):
    scenario = scenario_of("first build", array_format)
    points = range(step // 2, calls_of(scenario, server) + 1, step)
    trials = ((f"call {at}", partial(assert_pool_survives_kill, scenario, server, at)) for at in points)
    assert_all_hold(2, f"kill before a call of a pool of workers, {array_format}", trials)
