"""What the fault tests share: a warm server of trials, scenarios made once, and the suite that figures belong to."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.faults.bare_prepare import BareJob
from tests.faults.fork_server import ForkServer
from tests.faults.scenarios import Scenario, addition, first_build, trial_place

MAKE = {"first build": first_build, "addition": addition}


@pytest.fixture(autouse=True)
def _suite(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = "slow" if request.node.get_closest_marker("slow") else "fast"
    monkeypatch.setenv("IMAGEMILL_FAULT_SUITE", suite)


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder for sources and roots, in memory where that can be."""
    with trial_place() as folder:
        yield folder


@pytest.fixture
def memory_path(place: Path) -> Path:
    """A folder of this test's own, in memory where that can be: for what is written and removed many times."""
    return Path(tempfile.mkdtemp(dir=place))


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    with ForkServer() as started:
        yield started


@pytest.fixture(scope="session")
def scenario_of(place: Path, server: ForkServer) -> Callable[[str, str], Scenario]:
    """Return the scenario with a name, "first build" or "addition", in an array format."""

    @cache
    def scenario(name: str, array_format: str) -> Scenario:
        job = BareJob("", "", array_format=array_format, rows_per_shard=4, max_refused=0.2)
        return MAKE[name](place, server, job)

    return scenario
