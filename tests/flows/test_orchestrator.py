"""Which Prefect server a command reports to, and what it says when there is none, or none any more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.exit_codes import exit_code_of
from flows.orchestrator import NoOrchestrator, OrchestratorLost, prefect_server
from tasks.ops.exit_codes import ExitCode
from tests.faults.hostile_servers import answering, api_at, closed

Place = Callable[[], AbstractContextManager[int]]
WELL: Place = partial(answering, 200, b"true")
PLACES: dict[str, tuple[Place, str]] = {
    "closed": (closed, "Connection refused"),
    "not found": (partial(answering, 404, b"{}"), "it answers 404"),
    "a page": (partial(answering, 200, b"<html>Welcome</html>"), "it answers 200"),
    "failing": (partial(answering, 500, b"{}"), "it answers 500"),
}


@pytest.mark.parametrize("name", PLACES)
def test_without_a_server_at_the_configured_address_nothing_is_begun(name: str):
    place, told = PLACES[name]
    with place() as port, temporary_settings({PREFECT_API_URL: api_at(port)}):
        sentence = rf"no Prefect server at {api_at(port)} \(.*{told}"
        with pytest.raises(NoOrchestrator, match=sentence) as found, prefect_server():
            pytest.fail("the run was begun")
        assert exit_code_of(found.value) == ExitCode.BAD_INPUT


def request() -> httpx.Request:
    return httpx.Request("GET", "http://127.0.0.1/api/flows")


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("All connection attempts failed"),
        httpx.ReadTimeout(""),
        PrefectHTTPStatusError("503", request=request(), response=httpx.Response(503, request=request())),
    ],
    ids=repr,
)
def test_a_server_that_is_lost_is_one_sentence_and_an_exit_code_to_run_again(error: Exception):
    with WELL() as port, temporary_settings({PREFECT_API_URL: api_at(port)}):
        sentence = f"{api_at(port)} was lost during the run .* to continue$"
        with pytest.raises(OrchestratorLost, match=sentence) as found, prefect_server():
            raise error
        assert exit_code_of(found.value) == ExitCode.INTERRUPTED


@pytest.mark.parametrize("error", [ValueError("no such size"), OSError(28, "No space left"), KeyboardInterrupt()])
def test_errors_of_our_own_pass_as_they_are(error: BaseException):
    with WELL() as port, temporary_settings({PREFECT_API_URL: api_at(port)}):
        with pytest.raises(type(error)) as found, prefect_server():
            raise error
        assert found.value is error
