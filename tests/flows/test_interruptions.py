"""A run that is killed, interrupted or terminated leaves what its receipts say, and the next one goes on from there."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

FROM = [sys.executable, "-m", "flows.command_line"]
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    code: int
    output: str
    errors: str


def started(source: Path, root: Path, api: str, *options: str) -> subprocess.Popen[str]:
    arguments = ["prepare", str(source), "--dataset", "demo", "--slow", str(root), "--size", "96", "--json"]
    return subprocess.Popen(
        [*FROM, *arguments, "--workers", "2", "--rows-per-shard", "20", *options],
        cwd=REPOSITORY,
        env=environment(root, api),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def environment(root: Path, api: str) -> dict[str, str]:
    """Return the variables of a command that uses the server at `api`, or, where that is empty, a temporary one."""
    if api:
        return os.environ | {"PREFECT_API_URL": api}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return kept | {"PREFECT_HOME": str(root / "prefect"), "DO_NOT_TRACK": "1"}


def finished(process: subprocess.Popen[str]) -> Ended:
    output, errors = process.communicate(timeout=120)
    return Ended(process.returncode, output, errors)


def receipts(root: Path) -> set[str]:
    return {path.name for path in root.glob("demo/receipts/*.json")}


def wait_for_receipts(root: Path, process: subprocess.Popen[str], count: int) -> None:
    while process.poll() is None and len(receipts(root)) < count:
        time.sleep(0.005)


def state_of(root: Path) -> tuple[str, dict[str, str]]:
    """Return identity and object hashes of the published version, read without our code."""
    (record,) = root.glob("demo/versions/*.json")
    body = json.loads(record.read_text())["body"]
    objects = {stored["name"]: stored["digest"] for shard in body["shards"] for stored in shard["objects"]}
    return body["identity"], objects


@pytest.fixture(scope="module")
def uninterrupted(prefect_api: str, demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("uninterrupted")
    ended = finished(started(demo_root / "train", root, prefect_api))
    assert ended.code == 0, ended.errors
    return root


# That of storage, tests/faults/test_random_kills.py, is quicker.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("array_format", "kills"),
    [("hdf5", 3), ("bcolz", 3)],
)
def test_runs_killed_at_random_end_in_the_version_of_an_uninterrupted_one_and_leave_nothing_half_built(
    array_format: str, kills: int, uninterrupted: Path, demo_root: Path, tmp_path: Path, prefect_api: str
):
    chance = random.Random(20261121)
    options = ("--format", array_format)
    for already in range(0, 8 * kills, 8):
        process = started(demo_root / "train", tmp_path, prefect_api, *options)
        wait_for_receipts(tmp_path, process, already + chance.randint(1, 8))
        time.sleep(chance.random() * 0.1)
        kept = receipts(tmp_path)
        process.kill()
        assert finished(process).code == -signal.SIGKILL
        assert kept <= receipts(tmp_path)
        assert list(tmp_path.glob("demo/versions/*.json")) == []
        assert len(list(tmp_path.glob("demo/tmp/*"))) == 1
    ended = finished(started(demo_root / "train", tmp_path, prefect_api, *options))
    assert ended.code == 0, ended.errors
    assert list(tmp_path.glob("demo/tmp/*")) == []
    assert json.loads(ended.output)["built_images"] < 800
    if array_format == "hdf5":
        assert state_of(tmp_path) == state_of(uninterrupted)
    else:
        whole = tmp_path / "whole"
        assert finished(started(demo_root / "train", whole, prefect_api, *options)).code == 0
        assert state_of(tmp_path) == state_of(whole)


# Ctrl-C at a terminal has a test of its own, which is quick enough.
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_ends_with_75_and_is_continued(
    number: signal.Signals, uninterrupted: Path, demo_root: Path, tmp_path: Path, prefect_api: str
):
    process = started(demo_root / "train", tmp_path, prefect_api)
    wait_for_receipts(tmp_path, process, 5)
    process.send_signal(number)
    ended = finished(process)
    assert ended.code == 75, ended.errors
    assert "run the same command again to continue" in json.loads(ended.output)["error"]
    assert "Traceback" not in ended.errors
    assert list(tmp_path.glob("demo/tmp/*")) == []
    done = len(receipts(tmp_path))
    assert finished(started(demo_root / "train", tmp_path, prefect_api)).code == 0
    assert state_of(tmp_path) == state_of(uninterrupted)
    assert 5 <= done < 40


@pytest.mark.slow
def test_of_two_runs_at_once_one_publishes_and_the_other_says_who_is_at_work(
    demo_root: Path, tmp_path: Path, prefect_api: str
):
    first = started(demo_root / "train", tmp_path, prefect_api)
    wait_for_receipts(tmp_path, first, 1)
    first.send_signal(signal.SIGSTOP)
    second = finished(started(demo_root / "train", tmp_path, prefect_api))
    first.send_signal(signal.SIGCONT)
    assert second.code == 11
    assert f"is being built by process {first.pid} on " in json.loads(second.output)["error"]
    assert finished(first).code == 0


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_ends_with_75_and_leaves_no_process_behind(demo_root: Path, tmp_path: Path):
    """A terminal sends Ctrl-C to every process of the command, and here Prefect's temporary server is one."""
    process = started(demo_root / "train", tmp_path, "")
    group = os.getpgid(process.pid)
    wait_for_receipts(tmp_path, process, 3)
    below = psutil.Process(process.pid).children(recursive=True)
    os.killpg(group, signal.SIGINT)
    ended = finished(process)
    assert ended.code == 75, ended.errors
    assert "run the same command again to continue" in json.loads(ended.output)["error"]
    assert "Traceback" not in ended.errors
    # Whatever wants to reach the server after it was stopped tries for a minute.
    assert "connection" not in ended.errors
    assert psutil.wait_procs(below, timeout=15)[1] == []


@pytest.mark.slow
def test_a_killed_run_takes_its_temporary_server_along(demo_root: Path, tmp_path: Path):
    process = started(demo_root / "train", tmp_path, "")
    wait_for_receipts(tmp_path, process, 1)
    below = psutil.Process(process.pid).children(recursive=True)
    assert any("flows.server_process" in child.cmdline() for child in below)
    process.kill()
    process.communicate()
    assert psutil.wait_procs(below, timeout=15)[1] == []
