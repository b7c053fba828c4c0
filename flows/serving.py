"""Prefect's server, Imagemill's deployments and a worker for each pool, on one machine, until it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from flows.deploy_order import DeployOrder
from flows.deployed_runs import is_worked
from flows.deploying import POOLS, deploy
from flows.orchestrator import START_SECONDS, NoOrchestrator, is_healthy
from flows.quiet_prefect import without_quiet
from flows.supervision import Supervised, Supervisor
from tasks.ops.listening import is_loopback, listening_socket, local_url

POLL_SECONDS = 5
"""How often a worker asks for runs; Prefect's own 15 s make a person who started one wonder."""
AUTH = "PREFECT_SERVER_API_AUTH_STRING"
OWN_AUTH = "PREFECT_API_AUTH_STRING"
"""What a client shows a server that has the other; it is handed on by the environment, which others cannot read."""


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """Where the server listens."""

    host: str = "127.0.0.1"
    port: int = 4200

    @property
    def api(self) -> str:
        """The address for those on this machine."""
        return f"{local_url(self.host, self.port)}/api"

    def require_safe(self) -> None:
        """Check that nobody from outside could start runs here.

        Raises:
            ValueError: it would listen beyond this machine without a password, or the port is taken.
        """
        if not is_loopback(self.host) and not os.environ.get(AUTH):
            raise ValueError(
                f"{self.host} can be reached from other machines, and whoever reaches Prefect's API can run code here. "
                f"Set {AUTH}=user:password first, or leave --host away; docs/scaling.md has the whole set-up"
            )
        listening_socket(self.host, self.port, server="server").close()


def serve(place: ServerPlace, order: DeployOrder, *, say: Callable[[str], None]) -> None:
    """Run server and workers until SIGTERM or Ctrl-C; what ends by itself is started again.

    Raises:
        NoOrchestrator: the server did not start.
        ValueError: it may not listen where it should.
    """
    place.require_safe()
    supervisor = Supervisor(say)
    former = {number: signal.signal(number, lambda *_: supervisor.ask_to_stop()) for number in _STOPPING}
    try:
        environment = _environment(place)
        supervisor.keep(Supervised("Prefect's server", _server_command(place), environment))
        _wait_until(lambda: is_healthy(place.api), supervisor, what=f"there was no answer at {place.api}")
        with _client_settings(place, environment):
            deployed = deploy(order)
            for pool in POOLS:
                supervisor.keep(Supervised(f"the worker of pool {pool}", _worker_command(pool), environment))
                # One after the other: both write to the database when they begin, which SQLite takes ill.
                _wait_until(partial(is_worked, pool), supervisor, what=f"the worker of pool {pool} does not report")
        say(f"{len(deployed)} deployments, workers for the pools {' and '.join(POOLS)}: {place.api[:-4]}")
        say(f"in another terminal: export PREFECT_API_URL={place.api}")
        supervisor.run()
    finally:
        say("stopping: workers first, then the server")
        supervisor.stop()
        for number, handler in former.items():
            signal.signal(number, handler)


_STOPPING = (signal.SIGTERM, signal.SIGINT)


def _server_command(place: ServerPlace) -> list[str]:
    return [sys.executable, "-m", "flows.server_process", place.host, str(place.port)]


def _worker_command(pool: str) -> list[str]:
    name = f"imagemill-{pool}-{socket.gethostname()}-{os.getpid()}"
    return [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process", "--name", name]


def _environment(place: ServerPlace) -> dict[str, str]:
    """Return what server, workers and runs are told."""
    found = without_quiet(os.environ)
    # A run's command is `python`, which has to be this one.
    path = os.pathsep.join([str(Path(sys.executable).parent), found.get("PATH", os.defpath)])
    found |= {"PATH": path, "PREFECT_API_URL": place.api}
    found.setdefault("PREFECT_WORKER_QUERY_SECONDS", str(POLL_SECONDS))
    found.setdefault("PREFECT_SERVER_UI_API_URL", place.api)
    if AUTH in found:
        # Another one in the environment is for another server.
        found[OWN_AUTH] = found[AUTH]
    return found


def _client_settings(place: ServerPlace, environment: dict[str, str]) -> AbstractContextManager[Any]:
    """Have clients of this process speak to the server, with its password if it has one."""
    if password := environment.get(OWN_AUTH):
        return temporary_settings({PREFECT_API_URL: place.api, PREFECT_API_AUTH_STRING: password})
    return temporary_settings({PREFECT_API_URL: place.api})


def _wait_until(is_so: Callable[[], bool], supervisor: Supervisor, *, what: str) -> None:
    """Watch over what was started until something is so."""
    give_up = time.monotonic() + START_SECONDS
    while not is_so():
        if time.monotonic() > give_up:
            raise NoOrchestrator(f"Prefect did not start within {START_SECONDS} s: {what}")
        if not supervisor.run(0.5):
            return
