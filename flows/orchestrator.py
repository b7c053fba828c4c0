"""The Prefect server that a command reports to: the configured one, or one for the length of the command.

Prefect would start one by itself, but Ctrl-C at the terminal would end that one before the run could report to
it, and it would outlive a command that was killed.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import IO

from tasks.ops.parent_death import bound_command

START_SECONDS = 180
"""A busy machine has been seen to take more than 20; a quiet one takes 5."""
STOP_SECONDS = 10
HEALTH_SECONDS = 20
"""A server that takes longer to say that it is well is of no use to a run."""

_TEMPORARY = ContextVar("temporary", default="")
"""The address of the server that ends with this command."""


class NoOrchestrator(Exception):
    """There is no Prefect server to report to; nothing was begun."""


class DeployFailed(Exception):
    """Prefect did not take the deployments; the message has its reason."""


class RunNotCompleted(Exception):
    """A run that a worker carried out did not complete; the message says what became of it."""


class OrchestratorLost(Exception):
    """Prefect's server or its database failed while a run was under way; the dataset is unaffected."""


@contextmanager
def prefect_server() -> Iterator[None]:
    """Let flows of this process talk to the configured Prefect server, or else to a temporary one.

    Raises:
        NoOrchestrator: there is no server at the configured address, or the temporary one did not start.
        OrchestratorLost: the server was lost while the run was under way.
    """
    with _server() as api, server_errors_named(api):
        yield


def require_server() -> str:
    """Return the address of the configured server.

    Raises:
        NoOrchestrator: none is configured, or it does not answer.
    """
    from prefect.settings import get_current_settings

    api = get_current_settings().api.url
    if not api:
        raise NoOrchestrator(
            "on which server? Set PREFECT_API_URL=http://HOST:4200/api; or run `imagemill serve`, which brings its own"
        )
    _require_healthy(api)
    return api


def is_temporary() -> bool:
    """Tell whether the server that flows report to ends with this command."""
    from prefect.settings import get_current_settings

    return get_current_settings().api.url == _TEMPORARY.get()


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
        # It ends with this process, however that ends.
        command = bound_command([sys.executable, "-m", "flows.server_process", "127.0.0.1", str(port)])
        # A process group of its own: Ctrl-C is for the run, which still has to tell the server how it ended.
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, process_group=0)
        try:
            _wait_until_healthy(server, port, log)
            # Logs would be sent every two seconds, the last after the server is gone, with a minute of retries.
            api = f"http://127.0.0.1:{port}/api"
            with temporary_settings({PREFECT_API_URL: api, PREFECT_LOGGING_TO_API_ENABLED: False}):
                _TEMPORARY.set(api)
                yield api
        finally:
            _TEMPORARY.set("")
            _stop(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if is_healthy(f"http://127.0.0.1:{port}/api"):
            return
        time.sleep(0.1)
    log.seek(0)
    told = log.read().decode(errors="replace").strip().splitlines()
    raise NoOrchestrator(
        f"Prefect's temporary server did not start ({told[-1] if told else 'it said nothing'}); run the command again, "
        "or start a server with `prefect server start` and set PREFECT_API_URL"
    )


def is_healthy(api: str) -> bool:
    """Tell whether a server that was just started, at an address of this machine, answers yet."""
    import httpx

    with httpx.Client(trust_env=False, timeout=5) as client, suppress(httpx.TransportError):
        return client.get(f"{api}/health").status_code == httpx.codes.OK
    return False


def _require_healthy(api: str) -> None:
    import httpx

    is_welcome = True
    try:
        answer = httpx.get(f"{api.rstrip('/')}/health", timeout=HEALTH_SECONDS)
        # A server of another kind may answer anything with a page.
        problem = "" if answer.text.strip() == "true" else f"it answers {answer.status_code} {answer.reason_phrase}"
        is_welcome = bool(problem) or _is_welcome(api)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        problem = str(error) or type(error).__name__
    if problem:
        raise NoOrchestrator(
            f"there is no Prefect server at {api} ({problem}). Start it with `prefect server start`, correct "
            "PREFECT_API_URL, or unset it: a server is then started for the length of the command"
        )
    if not is_welcome:
        raise NoOrchestrator(
            f"the Prefect server at {api} wants a password: set PREFECT_API_AUTH_STRING=user:password to what "
            "the server has as PREFECT_SERVER_API_AUTH_STRING"
        )


def _is_welcome(api: str) -> bool:
    """Tell whether a healthy server takes the password that Prefect's client shows it, or wants none."""
    import httpx
    from prefect.settings import get_current_settings

    settings = get_current_settings().api
    told = settings.auth_string.get_secret_value() if settings.auth_string else ""
    headers = {"Authorization": f"Basic {base64.b64encode(told.encode()).decode()}"} if told else {}
    answer = httpx.get(f"{api.rstrip('/')}/version", headers=headers, timeout=HEALTH_SECONDS)
    # With a key it is Prefect Cloud, which is not asked in this way.
    return answer.status_code != httpx.codes.UNAUTHORIZED or settings.key is not None


@contextmanager
def server_errors_named(api: str) -> Iterator[None]:
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
