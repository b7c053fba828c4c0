"""Dashboards that tests look at: the command as a user starts it, or, for less, its server in a thread of the tests."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from dashboard.app import dashboard_app
from dashboard.site import Site
from storage.tiers import Tiers
from tests.faults.hostile_servers import plain_environment, wait_until

REPOSITORY = Path(__file__).parents[2]
TOKEN = "a-token-of-more-than-sixteen-letters"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A running `imagemill dashboard` and the file that it writes to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_up(self) -> bool:
        return bool(self.url)

    @property
    def url(self) -> str:
        """Its address without the slash at the end; "" as long as it has not said it."""
        return told_address(self.log.read_text().splitlines()).rstrip("/")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and wait until it has ended."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def told_address(lines: Iterable[str]) -> str:
    """Return the address in what the command writes, below what it may warn of first; "" where it is not told."""
    found = (re.match(r"dashboard: (http://\S+/) \(Ctrl-C stops it\)", line) for line in lines)
    return next((match[1] for match in found if match), "")


@contextmanager
def dashboard_command(
    tiers: Tiers, home: Path, *, api: str = "", token: str = "", port: int = 0
) -> Iterator[Dashboard]:
    """Start `imagemill dashboard` with `home` for its own, and wait until it says where it is.

    `api` is the address of the Prefect server that it asks, and `token` what visitors have to show; "" is none.
    """
    home.mkdir(parents=True, exist_ok=True)
    told = {"PREFECT_API_URL": api, "IMAGEMILL_DASHBOARD_TOKEN": token, "OMP_NUM_THREADS": "1"}
    environment = plain_environment(home) | {"PYTHONPATH": str(REPOSITORY)}
    environment |= {name: value for name, value in told.items() if value}
    roots = ["--slow", str(tiers.slow), "--fast", str(tiers.fast)]
    command = [sys.executable, "-m", "flows.command_line", "dashboard", "--port", str(port), *roots]
    log = home / "dashboard.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=output, stderr=output)
    dashboard = Dashboard(process, log)
    try:
        wait_until(lambda: dashboard.is_up, process)
        assert process.poll() is None, log.read_text()
        yield dashboard
    finally:
        process.kill()
        process.wait()


@contextmanager
def dashboard_here(tiers: Tiers, *, token: str = "") -> Iterator[str]:
    """Serve the dashboard from a thread of this process, without models that answer; give its address.

    It asks the Prefect server that this process is configured for, if any.
    """
    config = uvicorn.Config(dashboard_app(Site(tiers, token=token)), log_level="warning", access_log=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        # With this thread's settings of Prefect.
        thread = threading.Thread(target=copy_context().run, args=(server.run, [listener]))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
