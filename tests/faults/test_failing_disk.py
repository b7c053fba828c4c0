"""Row 4: the disk is full or fails at a call, or stays so: a named error, nothing half published, and resume works."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from storage.space import HEADROOM_BYTES
from tests.faults.bare_prepare import BareJob, run_bare
from tests.faults.crash_states import Call, calls_in
from tests.faults.fork_server import Action, Ended, Fault, ForkServer
from tests.faults.pool_runs import ended, pool_run
from tests.faults.scenarios import Scenario, assert_all_hold, assert_old_or_new, assert_resumes, dataset_of

ScenarioOf = Callable[[str, str], Scenario]
NAMES, FORMATS = ("first build", "addition"), ("hdf5", "bcolz")
FULL = {errno.ENOSPC: "DiskFull", errno.EDQUOT: "DiskFull", errno.EIO: "DiskFailed"}
DISK = 74
CRASHED = 1

HARMLESS = re.compile(
    r"""
    ^[ud]\s          # clearing away: what is left is cleared by the next run
    | ^m\s           # Path.mkdir asks whether the folder is there after all
    | /pins/         # a reader that cannot pin still reads
    | /\.imagemill/  # a reservation that cannot be written down is counted by nobody else
    | ^c\s.*\.zip$   # zipfile opens a second time, for writing only
    | /refused\.csv$ # shutil copies a second time, block by block
    """,
    re.VERBOSE,
)
"""The calls that may fail once and the run goes on; what it publishes must be whole all the same."""


def calls_of(scenario: Scenario, server: ForkServer) -> list[Call]:
    """Return the calls of an undisturbed run, as they are numbered from 1 on."""
    with scenario.root() as job, tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        assert server.trial(job, log=log).code == 0
        return calls_in(log)


def assert_named(job: BareJob, ended: Ended, error: int) -> None:
    """Check that a run told which disk is full or failing, and ended with the code for it."""
    assert (ended.code, ended.told["error"]) == (DISK, FULL[error]), ended
    assert job.root in ended.told["message"], ended


def assert_outlives(scenario: Scenario, server: ForkServer, fault: Fault) -> None:
    with scenario.root() as job:
        ended = server.trial(job, fault)
        is_new = assert_old_or_new(scenario, dataset_of(job))
        if ended.code == 0:
            is_once = fault.action is Action.ERROR
            assert not ended.met or not is_once or HARMLESS.search(ended.met), f"nobody was told of it: {ended}"
            assert is_new, ended
        else:
            assert_named(job, ended, fault.errno)
        assert_resumes(scenario, server, job)


def strike(scenario: Scenario, server: ForkServer, faults: Iterable[Fault], fault: str) -> None:
    trials = ((str(one), partial(assert_outlives, scenario, server, one)) for one in faults)
    assert_all_hold(4, f"{fault}, {scenario.name}, {scenario.job.array_format}", trials)


def is_a_write(call: Call) -> bool:
    return call.kind == "w" and len(call.content) > 1


@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_an_error_at_any_of_a_sample_of_calls_is_named_and_harms_nothing(
    name: str, array_format: str, scenario_of: ScenarioOf, server: ForkServer
):
    scenario = scenario_of(name, array_format)
    calls = calls_of(scenario, server)
    step = len(calls) // 5
    for shift, error in enumerate(FULL):
        once = [Fault(Action.ERROR, at, error) for at in range(1 + shift * step // 3, len(calls), step)]
        strike(scenario, server, once, f"{errno.errorcode[error]} at a call")
    writes = [number for number, call in enumerate(calls, 1) if is_a_write(call)]
    short = [Fault(Action.SHORT_WRITE, at, errno.ENOSPC) for at in writes[:: len(writes) // 2]]
    strike(scenario, server, short, "half of a write, then ENOSPC")
    lasting = [Fault(Action.ERROR_FROM_THEN_ON, at, errno.ENOSPC) for at in range(step // 2, len(calls), 3 * step)]
    strike(scenario, server, lasting, "ENOSPC from a call on")


@pytest.mark.slow
@pytest.mark.parametrize("error", FULL)
@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_an_error_at_every_call_is_named_and_harms_nothing(
    name: str, array_format: str, error: int, scenario_of: ScenarioOf, server: ForkServer
):
    scenario = scenario_of(name, array_format)
    faults = [Fault(Action.ERROR, at, error) for at in range(1, len(calls_of(scenario, server)) + 1)]
    strike(scenario, server, faults, f"{errno.errorcode[error]} at a call")


@pytest.mark.slow
@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_fills_in_the_middle_of_any_write_is_named_and_harms_nothing(
    name: str, array_format: str, scenario_of: ScenarioOf, server: ForkServer
):
    scenario = scenario_of(name, array_format)
    writes = [number for number, call in enumerate(calls_of(scenario, server), 1) if is_a_write(call)]
    faults = [Fault(Action.SHORT_WRITE, at, errno.ENOSPC) for at in writes]
    strike(scenario, server, faults, "half of a write, then ENOSPC")


@pytest.mark.slow
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("array_format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_fails_from_a_call_on_is_named_and_harms_nothing(
    name: str, array_format: str, error: int, scenario_of: ScenarioOf, server: ForkServer
):
    scenario = scenario_of(name, array_format)
    calls = len(calls_of(scenario, server))
    faults = [Fault(Action.ERROR_FROM_THEN_ON, at, error) for at in range(1, calls + 1, 5)]
    strike(scenario, server, faults, f"{errno.errorcode[error]} from a call on")


# ---- A pool of workers


def assert_run_ends(scenario: Scenario, job: BareJob, ended: Ended, error: int) -> None:
    """Check that the run itself never crashed: a library may take a worker with it, and then the run says so."""
    is_new = assert_old_or_new(scenario, dataset_of(job))
    if ended.code == CRASHED:
        assert ended.told["error"] == "ShardCrashed", ended
        assert "failing disk" in ended.told["message"], ended
    elif ended.code == 0:
        assert is_new, ended
    else:
        assert_named(job, ended, error)


def assert_pool_outlives(scenario: Scenario, server: ForkServer, at: int) -> None:
    with scenario.root() as job:
        ended = pool_run(job, Fault(Action.ERROR_FROM_THEN_ON, at, errno.ENOSPC))
        assert_run_ends(scenario, job, ended, errno.ENOSPC)
        assert_resumes(scenario, server, job)


@pytest.mark.parametrize(
    ("array_format", "step"),
    [
        ("hdf5", 170),
        pytest.param("bcolz", 300, marks=pytest.mark.slow),
        pytest.param("hdf5", 17, marks=pytest.mark.slow),
        pytest.param("bcolz", 29, marks=pytest.mark.slow),
    ],
)
def test_a_disk_that_fills_under_a_pool_of_workers_never_crashes_the_run(
    array_format: str, step: int, scenario_of: ScenarioOf, server: ForkServer
):
    scenario = scenario_of("first build", array_format)
    points = range(step // 3, len(calls_of(scenario, server)), step)
    trials = ((f"call {at}", partial(assert_pool_outlives, scenario, server, at)) for at in points)
    assert_all_hold(4, f"ENOSPC from a call on, a pool of workers, {array_format}", trials)


# ---- A real full disk


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Mount a file system in memory that is hardly larger than what a run wants free before it starts."""
    folder = Path(tempfile.mkdtemp(dir=place))
    size = HEADROOM_BYTES + 8 * 1024 * 1024
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "imagemill-test", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def wait_for_claim(process: subprocess.Popen[str], job: BareJob) -> None:
    """Wait until a run has counted the free space and reserved its own: from then on it relies on it."""
    while process.poll() is None:
        for claim in Path(job.root).glob(".imagemill/reservations/*"):
            # One that was just written has another name until then.
            with suppress(FileNotFoundError):
                if '"held"' in claim.read_text():
                    return
        time.sleep(0.001)


def fill(disk: Path, *, left: int) -> Path:
    """Take all room on a disk but for `left` bytes."""
    filler = disk / "of somebody else"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - left)
    return filler


def assert_outlives_a_full_disk(scenario: Scenario, server: ForkServer, disk: Path, left: int) -> None:
    with tempfile.TemporaryDirectory(dir=disk) as root:
        job = replace(scenario.job, root=root)
        process = run_bare(job)
        wait_for_claim(process, job)
        filler = fill(disk, left=left)
        try:
            code, told = ended(process)
            assert_run_ends(scenario, job, Ended(code, told, 0, ""), errno.ENOSPC)
        finally:
            filler.unlink()
        assert_resumes(scenario, server, job)


def bytes_needed(scenario: Scenario, server: ForkServer, disk: Path) -> int:
    """Return the bytes that a whole run takes on a disk."""
    before = shutil.disk_usage(disk).free
    with tempfile.TemporaryDirectory(dir=disk) as root:
        assert server.trial(replace(scenario.job, root=root)).code == 0
        return before - shutil.disk_usage(disk).free


@pytest.mark.parametrize(
    ("array_format", "levels"),
    [
        ("hdf5", 2),
        pytest.param("bcolz", 2, marks=pytest.mark.slow),
        pytest.param("hdf5", 25, marks=pytest.mark.slow),
        pytest.param("bcolz", 25, marks=pytest.mark.slow),
    ],
)
def test_a_real_disk_that_somebody_else_fills_to_any_level_is_named_and_harms_nothing(
    array_format: str, levels: int, scenario_of: ScenarioOf, server: ForkServer, place: Path
):
    scenario = scenario_of("first build", array_format)
    with small_disk(place) as disk:
        needed = bytes_needed(scenario, server, disk)
        rooms = [needed * (2 * level + 1) // (2 * levels) for level in range(levels)]
        strike_once = partial(assert_outlives_a_full_disk, scenario, server, disk)
        trials = ((f"{left} bytes left", partial(strike_once, left)) for left in rooms)
        assert_all_hold(4, f"a real disk filled by somebody else during the run, {array_format}", trials)
