"""`imagemill serve` as a user starts it, with a home of its own; what is below it; runs of its workers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Scheduled

from tests.faults.hostile_servers import api_at, free_port, plain_environment
from tests.prefect_home import prefect_home

REPOSITORY = Path(__file__).parents[2]
GIVE_UP_SECONDS = 300
RECIPE = "tests.training.digits_recipe"
SETTINGS = ("loop.cpu_threads=1", "loop.report_steps=1", "loop.checkpoint_steps=4", "seconds_per_step=0.4")
"""Of a training of 29 steps, a dozen seconds: long enough to be interrupted."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Served:
    """A running `imagemill serve`, and a client of its server."""

    process: subprocess.Popen[bytes]
    client: SyncPrefectClient
    port: int
    log: Path

    @property
    def api(self) -> str:
        return api_at(self.port)

    def child(self, *words: str) -> psutil.Process:
        """Return the child of `imagemill serve` whose command has these words."""
        found = psutil.Process(self.process.pid).children()
        return next(child for child in found if set(words) <= set(_command(child)))

    @property
    def server(self) -> psutil.Process:
        return self.child("flows.server_process")

    def worker(self, pool: str) -> psutil.Process:
        return self.child("worker", pool)

    def train(self, root: Path, *settings: str) -> FlowRun:
        """Start a run of the deployment `train-model` that trains digits below a root."""
        job = {"recipe": RECIPE, "slow": str(root), "fast": str(root), "name": "digits", "device": "cpu"}
        return self.start("train-model/train-model", {"job": job | {"settings": [*SETTINGS, *settings]}})

    def start(self, deployment: str, parameters: dict[str, Any]) -> FlowRun:
        found = self.client.read_deployment_by_name(deployment)
        return self.client.create_flow_run_from_deployment(found.id, parameters=parameters, state=Scheduled())

    def state(self, run: FlowRun) -> str:
        state = self.client.read_flow_run(run.id).state
        assert state is not None
        return state.type.value

    def answers(self, run: FlowRun) -> bool:
        """Tell whether the server answers what it is asked about a run."""
        try:
            return bool(self.state(run))
        except httpx.HTTPError:
            return False

    def message(self, run: FlowRun) -> str:
        state = self.client.read_flow_run(run.id).state
        return (state and state.message) or ""

    def ended(self, run: FlowRun, *, meanwhile: Callable[[], None] = lambda: None) -> str:
        """Wait until the server says that a run has ended, through its own restarts; return its state."""

        def final() -> str | None:
            meanwhile()
            try:
                state = self.state(run)
            except httpx.HTTPError:
                return None  # It is away, or starting.
            return state if state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        return wait_for(final, self.log)


def wait_for(found: Callable[[], Found | None], log: Path) -> Found:
    """Wait until there is something."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not (value := found()):
        assert time.monotonic() < give_up, log.read_text()[-5000:]
        time.sleep(0.1)
    return value


def flow_process(run: FlowRun) -> psutil.Process | None:
    """Return the process that carries out a run."""
    for process in psutil.process_iter():
        try:
            is_run = "flows.run_process" in _command(process)
            if is_run and process.environ().get("PREFECT__FLOW_RUN_ID") == str(run.id):
                return process
        except psutil.Error:
            continue
    return None


def trainers(root: Path) -> list[psutil.Process]:
    """Return the processes that train below a root."""
    found = [(process, _command(process)) for process in psutil.process_iter()]
    return [
        process for process, command in found if "--run-dir" in command and any(str(root) in word for word in command)
    ]


def trainer(root: Path) -> psutil.Process | None:
    """Return the process that trains below a root, once it has made a step."""
    has_begun = any(root.rglob("metrics.jsonl"))
    return next(iter(trainers(root)), None) if has_begun else None


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else []
    except psutil.Error:
        return []


@contextmanager
def served(home: Path, *options: str, port: int = 0, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Start `imagemill serve`, on a free port unless one is given, and wait until its workers are there."""
    port, log = port or free_port(), home / "serve.log"
    command = [sys.executable, "-m", "flows.command_line", "serve", "--port", str(port), *options]
    # The code beside these tests, whatever is installed; and recipes of the tests, from wherever a worker runs.
    told = plain_environment(prefect_home(home)) | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    told |= environment or {}
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=told, cwd=home, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_for(lambda: process.poll() is not None or "in another terminal" in log.read_text(), log)
        assert process.poll() is None, log.read_text()
        with temporary_settings({PREFECT_API_URL: api_at(port)}), get_client(sync_client=True) as client:
            yield Served(process, client, port, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(GIVE_UP_SECONDS)
