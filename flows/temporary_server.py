"""A Prefect server for the length of one command, where none is configured.

Prefect would start one by itself, but Ctrl-C at the terminal would end that one before the run could report to
it, and it would outlive a command that was killed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

START_SECONDS = 180
"""A busy machine has been seen to take more than 20; a quiet one takes 5."""
STOP_SECONDS = 10


@contextmanager
def prefect_server() -> Iterator[None]:
    """Let flows of this process talk to the configured Prefect server, or else to a temporary one.

    Raises:
        TimeoutError: the temporary server did not start.
    """
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_LOGGING_TO_API_ENABLED,
        get_current_settings,
        temporary_settings,
    )

    settings = get_current_settings()
    if settings.api.url:
        yield
        return
    port = _free_port()
    environment = {
        **os.environ,
        **settings.to_environment_variables(exclude_unset=True),
        "PREFECT_UI_ENABLED": "0",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
    }
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "flows.server_process", str(port), str(os.getpid())]
        # A process group of its own: Ctrl-C is for the run, which still has to tell the server how it ended.
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, process_group=0)
        try:
            _wait_until_healthy(server, port, log)
            # Logs would be sent every two seconds, the last after the server is gone, with a minute of retries.
            with temporary_settings(
                {PREFECT_API_URL: f"http://127.0.0.1:{port}/api", PREFECT_LOGGING_TO_API_ENABLED: False}
            ):
                yield
        finally:
            _stop(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    import httpx

    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while server.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.TransportError):  # It does not listen yet.
                if client.get(f"http://127.0.0.1:{port}/api/health").status_code == httpx.codes.OK:
                    return
            time.sleep(0.1)
    log.seek(0)
    told = log.read().decode(errors="replace").strip().splitlines()
    raise TimeoutError(
        f"Prefect's temporary server did not start ({told[-1] if told else 'it said nothing'}); run the command again, "
        "or start a server with `prefect server start` and set PREFECT_API_URL"
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
