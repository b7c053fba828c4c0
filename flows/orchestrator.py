"""The Prefect server that a command reports to: the configured one, or one for the length of the command.

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
HEALTH_SECONDS = 20
"""A server that takes longer to say that it is well is of no use to a run."""


class NoOrchestrator(Exception):
    """There is no Prefect server to report to; nothing was begun."""


class OrchestratorLost(Exception):
    """Prefect's server or its database failed while a run was under way; the dataset is unaffected."""


@contextmanager
def prefect_server() -> Iterator[None]:
    """Let flows of this process talk to the configured Prefect server, or else to a temporary one.

    Raises:
        NoOrchestrator: there is no server at the configured address, or the temporary one did not start.
        OrchestratorLost: the server was lost while the run was under way.
    """
    with _server() as api, _loss_named(api):
        yield


@contextmanager
def _server() -> Iterator[str]:
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_LOGGING_TO_API_ENABLED,
        get_current_settings,
        temporary_settings,
    )

    settings = get_current_settings()
    if settings.api.url:
        _require_healthy(settings.api.url)
        yield settings.api.url
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
            api = f"http://127.0.0.1:{port}/api"
            with temporary_settings({PREFECT_API_URL: api, PREFECT_LOGGING_TO_API_ENABLED: False}):
                yield api
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
    raise NoOrchestrator(
        f"Prefect's temporary server did not start ({told[-1] if told else 'it said nothing'}); run the command again, "
        "or start a server with `prefect server start` and set PREFECT_API_URL"
    )


def _require_healthy(api: str) -> None:
    import httpx

    try:
        answer = httpx.get(f"{api.rstrip('/')}/health", timeout=HEALTH_SECONDS)
        # A server of another kind may answer anything with a page.
        problem = "" if answer.text.strip() == "true" else f"it answers {answer.status_code} {answer.reason_phrase}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        problem = str(error) or type(error).__name__
    if problem:
        raise NoOrchestrator(
            f"there is no Prefect server at {api} ({problem}). Start it with `prefect server start`, correct "
            "PREFECT_API_URL, or unset it: a server is then started for the length of the command"
        )


@contextmanager
def _loss_named(api: str) -> Iterator[None]:
    """Turn what Prefect's client raises when its server is gone into one sentence."""
    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        told = str(error).strip().splitlines()
        raise OrchestratorLost(
            f"the Prefect server at {api} was lost during the run ({told[0] if told else type(error).__name__:.200}). "
            "What was finished is kept; run the same command again to continue"
        ) from error


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
