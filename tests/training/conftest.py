"""Runs of the digits recipe, here or in processes of their own, and what they leave."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.storage.conftest import parameters, publish_rows  # noqa: F401 - fixtures for the tests here, too
from tests.training.warm_process import WarmProcess
from training.__main__ import main

RECIPE = "tests.training.digits_recipe"
SETTINGS = ("loop.cpu_threads=1", "loop.report_steps=3", "loop.checkpoint_steps=4")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # Sums of several threads differ from run to run in how they are split, and the machine is shared.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    torch.manual_seed(0)


def command(run: Path, *settings: str) -> list[str]:
    return [RECIPE, "--run-dir", str(run), "--device", "cpu", *SETTINGS, *settings]


@pytest.fixture
def run_here() -> Callable[..., int]:
    """Run the digits recipe in this process; return the exit code."""
    return lambda run, *settings: main(command(run, *settings))


@pytest.fixture(scope="session")
def warm_process() -> Iterator[WarmProcess]:
    with WarmProcess() as process:
        yield process


class Started:
    """A run in a process of its own."""

    def __init__(self, warm: WarmProcess, run: Path, settings: tuple[str, ...], env: dict[str, str]) -> None:
        self._warm, self.run, self._ended = warm, run, False
        self.errors = run.with_name(f"{run.name}-errors-{env.get('RANK', 0)}.txt")
        self.pid = warm.start(command(run, *settings), errors=self.errors, env=env)

    def wait_for_step(self, step: int) -> None:
        """Return when the curve has got to a step."""
        give_up = time.monotonic() + 60
        while not (self.run / "metrics.jsonl").exists() or not any(each["step"] >= step for each in curve(self.run)):
            assert time.monotonic() < give_up, self.errors.read_text()
            time.sleep(0.005)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Return the exit code, or minus the signal."""
        self._ended = True
        return self._warm.wait(self.pid)

    def end(self) -> None:
        if not self._ended:
            with contextlib.suppress(ProcessLookupError):
                self.send(signal.SIGKILL)
            self.wait()


@pytest.fixture
def start_run(warm_process: WarmProcess) -> Iterator[Callable[..., Started]]:
    """Start the digits recipe in another process; none outlives the test."""
    started: list[Started] = []

    def start(run: Path, *settings: str, **env: str) -> Started:
        started.append(Started(warm_process, run, settings, env))
        return started[-1]

    yield start
    for each in started:
        each.end()


def curve(run: Path) -> list[dict[str, Any]]:
    """Return the lines of the curve, without what depends on the machine's speed, and without a half-written one."""
    lines = [
        json.loads(line)
        for line in (run / "metrics.jsonl").read_text().splitlines(keepends=True)
        if line.endswith("\n")
    ]
    return [{key: value for key, value in line.items() if key not in ("rows_per_second", "waiting")} for line in lines]


def result(run: Path) -> dict[str, Any]:
    return json.loads((run / "result.json").read_text())


def outputs(run: Path) -> tuple[list[dict[str, Any]], bytes, dict[str, bytes]]:
    """Return all that two equal runs have in common to the bit: curve, weights, pictures."""
    pictures = {path.name: path.read_bytes() for path in sorted((run / "samples").iterdir())}
    return curve(run), (run / "weights.pt").read_bytes(), pictures


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run that nothing happened to."""
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert main(command(run)) == 0
    return run
