"""Prefect's server on PostgreSQL: several flows at once, and the database stopped or killed below a run."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import VariableCreate
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_RETRY_EXTRA_CODES, temporary_settings

from storage.models import model_folder
from storage.promotions import promotions_of
from tests.faults.crash_table import Row, record
from tests.faults.hostile_servers import own_server
from tests.flows.four_at_once import prepare_four
from tests.flows.postgres_server import Postgres, postgres
from tests.flows.served import flow_process, served, trainer, trainers, wait_for

AWAY_SECONDS = 10
SMOOTH_SECONDS = 3
URL = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


@pytest.fixture
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


def test_what_a_server_was_told_outlives_a_database_that_is_killed(database: Postgres, tmp_path: Path):
    with (
        own_server(tmp_path / "home", {URL: database.url}) as server,
        temporary_settings({PREFECT_API_URL: server.api, PREFECT_CLIENT_RETRY_EXTRA_CODES: "500"}),
        get_client(sync_client=True) as client,
    ):
        told = VariableCreate(name="images", value={"root": "/big/disk"})
        client.create_variable(told)
        database.signal(signal.SIGKILL)
        database.wait()
        database.start()
        found = client.read_variable_by_name("images")
        assert found is not None
        assert found.value == told.value
        assert not server.database.exists()


@pytest.mark.slow
def test_four_flows_at_once_complete_and_no_database_is_locked(database: Postgres, tmp_path: Path):
    with own_server(tmp_path / "home", {URL: database.url}) as server:
        told = prepare_four(tmp_path, server.api)
        served_by = server.log
    assert not server.database.exists(), "it kept a database of its own beside PostgreSQL"
    assert "database is locked" not in served_by + told
    # They were recorded in PostgreSQL.
    assert _count(database, "flow_run WHERE state_type = 'COMPLETED'") == 4


def _count(database: Postgres, what: str) -> int:
    command = [database.programs / "psql", "--tuples-only", "--no-align", "--command", f"SELECT count(*) FROM {what}"]
    address = database.url.replace("+asyncpg", "")
    done = subprocess.run([*command, address], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_database_that_ends_and_comes_back_costs_no_run(database: Postgres, tmp_path: Path, number: signal.Signals):
    home, root = tmp_path / "home", tmp_path / "root"
    home.mkdir()
    with served(home, environment={URL: database.url}) as here:
        run = here.train(root, "seconds_per_step=1.5")
        training = wait_for(lambda: trainer(root), here.log)
        flow = flow_process(run)
        at = time.monotonic()
        _end(database, number)
        time.sleep(AWAY_SECONDS)
        database.start()
        wait_for(lambda: here.answers(run), here.log)
        seconds = time.monotonic() - at
        most = 0

        def ended() -> bool:
            nonlocal most
            most = max(most, len(trainers(root)))
            return here.answers(run) and here.state(run) in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

        assert flow is not None
        wait_for(ended, here.log)
        assert here.state(run) == "COMPLETED", here.message(run)
        assert most <= 1
        assert not psutil.pid_exists(training.pid)
        assert database.password not in here.log.read_text()
    assert [each.is_granted for each in promotions_of(model_folder(root, "digits"))] == [True]
    left = "the run waits for the database, which is back"
    record(Row("database", number.name, "Completed", seconds, left))


def _end(database: Postgres, number: signal.Signals) -> None:
    """Have the postmaster end by a signal."""
    database.signal(number)
    if number == signal.SIGTERM:
        # It waits for connections, of which the server keeps some; so whoever stops it stops it for good.
        time.sleep(SMOOTH_SECONDS)
        database.signal(signal.SIGINT)
    database.wait()
