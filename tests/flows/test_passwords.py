"""A Prefect server with a password: who has none is told so in a sentence, and it is kept where others cannot look."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

from storage.datasets import existing_dataset
from storage.versions import version_numbers
from tests.faults.hostile_servers import plain_environment
from tests.faults.tiny_source import add_pictures
from tests.flows.served import REPOSITORY, Served, served

SECRET = "mill:kept-to-itself-4711"
OPEN = ("/docs", "/openapi.json", "/ui-settings", "/api/health", "/api/ready")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def guarded(home: Path) -> Iterator[Served]:
    """`imagemill serve` with a password; the client has it."""
    with (
        temporary_settings({PREFECT_API_AUTH_STRING: SECRET}),
        served(home, environment={"PREFECT_SERVER_API_AUTH_STRING": SECRET}) as here,
    ):
        yield here


def deploy(here: Served, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.command_line", "deploy"]
    told = plain_environment(home) | {"PYTHONPATH": str(REPOSITORY), "PREFECT_API_URL": here.api} | environment
    return subprocess.run(command, env=told, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_without_the_password_the_api_answers_nobody(guarded: Served):
    asked = {"limit": 1}
    for auth in (None, ("mill", "wrong")):
        answer = httpx.post(f"{guarded.api}/deployments/filter", json=asked, auth=auth, trust_env=False)
        assert answer.status_code == 401
    assert httpx.post(f"{guarded.api}/deployments/filter", json=asked, auth=("mill", SECRET[5:])).is_success
    # What docs/scaling.md says is open to whoever reaches the port.
    root = guarded.api.removesuffix("/api")
    assert {path: httpx.get(root + path, trust_env=False).status_code for path in OPEN} == dict.fromkeys(OPEN, 200)


@pytest.mark.slow
@pytest.mark.parametrize("told", [{}, {"PREFECT_API_AUTH_STRING": "mill:wrong"}], ids=["none", "wrong"])
def test_deploying_without_the_password_names_the_variable_that_lacks(
    guarded: Served, home: Path, told: dict[str, str]
):
    refused = deploy(guarded, home, **told)
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        f"error: the Prefect server at {guarded.api} wants a password: set PREFECT_API_AUTH_STRING=user:password "
        "to what the server has as PREFECT_SERVER_API_AUTH_STRING"
    ]


@pytest.mark.slow
def test_with_the_password_runs_are_deployed_and_carried_out_and_nobody_else_sees_it(
    guarded: Served, home: Path, tmp_path: Path
):
    done = deploy(guarded, home, PREFECT_API_AUTH_STRING=SECRET)
    assert done.returncode == 0, done.stderr
    source, root = add_pictures(tmp_path / "photos", 12), tmp_path / "root"
    job = {"source": str(source), "dataset": "photos", "slow": str(root), "fast": str(root), "sizes": [32]}
    run = guarded.start("prepare-images/prepare-images", {"job": job | {"workers": 1}})
    seen: set[str] = set()

    def look() -> None:
        for process in psutil.Process(guarded.process.pid).children(recursive=True):
            seen.update(process.cmdline())

    assert guarded.ended(run, meanwhile=look) == "COMPLETED", guarded.message(run)
    assert version_numbers(existing_dataset(root, "photos")) == [1]
    assert "flows.run_process" in seen
    assert SECRET not in " ".join(seen) + done.stdout + done.stderr
    holding = [path for top in (home, root) for path in files_below(top) if SECRET.encode() in path.read_bytes()]
    assert holding == []


def files_below(top: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(top):
        yield from (Path(folder, name) for name in names)
