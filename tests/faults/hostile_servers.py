"""Prefect servers that are started to be lost, and things that look like one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import httpx
import psutil

from tests.prefect_home import prefect_home

START_SECONDS = 180


@dataclass(frozen=True)
class OwnServer:
    """A server with a home of its own, in a session of its own."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int

    @property
    def api(self) -> str:
        return api_at(self.port)

    @property
    def database(self) -> Path:
        return self.home / "prefect.db"

    @property
    def log(self) -> str:
        """What it has told so far."""
        return (self.home / "server.log").read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def api_at(port: int) -> str:
    return f"http://127.0.0.1:{port}/api"


def plain_environment(home: Path) -> dict[str, str]:
    """Return the variables of a process that knows of no server but may start one, with `home` for its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return kept | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


@contextmanager
def own_server(
    home: Path, environment: Mapping[str, str] = MappingProxyType({}), *, is_ours: bool = False, port: int = 0
) -> Iterator[OwnServer]:
    """Start a server, on a free port unless one is given, with variables besides its own, and wait until it is healthy.

    It is `prefect server start`, or the one that `imagemill serve` starts.
    """
    port = port or free_port()
    home.mkdir(parents=True, exist_ok=True)
    if "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in environment:
        prefect_home(home)
    command = [str(Path(sys.executable).with_name("prefect")), "server", "start", "--no-ui", "--port", str(port)]
    if is_ours:
        command = [sys.executable, "-m", "flows.server_process", "127.0.0.1", str(port)]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=plain_environment(home) | dict(environment), stdout=log, stderr=log, start_new_session=True
        )
    server = OwnServer(process, home, port)
    try:
        wait_until(lambda: is_healthy(port), process)
        yield server
    finally:
        server.signal(signal.SIGKILL)
        process.wait()


def is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"{api_at(port)}/health", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen) -> None:
    """Wait while `process` lives until something is so."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and not is_so():
        assert time.monotonic() < deadline, f"not so after {START_SECONDS} s"
        time.sleep(0.005)


def temporary_server_of(run: subprocess.Popen[str]) -> psutil.Process:
    """Return the server that a command started for itself."""
    below = psutil.Process(run.pid).children(recursive=True)
    return next(process for process in below if "flows.server_process" in process.cmdline())


@contextmanager
def answering(code: int, content: bytes) -> Iterator[int]:
    """Give the port of a server that answers everything alike."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent() -> Iterator[int]:
    """Give the port of something that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield listener.getsockname()[1]


@contextmanager
def closed() -> Iterator[int]:
    """Give a port where nothing listens."""
    yield free_port()
