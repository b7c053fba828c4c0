"""Prefect's server and database may be lost at any time: no dataset notices, and the next run goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from numpy.typing import NDArray

from storage import Tiers, open_version
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.figures import record
from tests.faults.hostile_servers import (
    OwnServer,
    answering,
    api_at,
    closed,
    own_server,
    plain_environment,
    silent,
    temporary_server_of,
    wait_until,
)
from tests.faults.tiny_source import add_pictures

REPOSITORY = Path(__file__).parents[2]
RUN_SECONDS = 900
"""Prefect's client tries again for minutes; a run that takes longer hangs."""
IMPATIENT = {"PREFECT_CLIENT_MAX_RETRIES": "1", "PREFECT_API_REQUEST_TIMEOUT": "5"}
"""What a user may set as well: lets the client give up a lost server in seconds."""

FIRST, SECOND, ROWS_PER_SHARD = 40, 160, 4
"""Pictures of the first version, those added for the second, and how many of them make a shard."""


@dataclass(frozen=True)
class Dataset:
    """A root with version 1 of `demo`, a source that has grown since, and what version 2 of it should be."""

    place: Path
    identity: str

    @property
    def root(self) -> Path:
        return self.place / "root"

    @property
    def as_it_was(self) -> Path:
        """The root as it was when version 1 had been published."""
        return self.place.parent / "version-1"

    @property
    def receipts(self) -> dict[str, int]:
        """The receipts by name, with the time of their last change."""
        return {path.name: path.stat().st_mtime_ns for path in self.root.glob("demo/receipts/*.json")}

    def run(self, environment: dict[str, str], **api: str) -> subprocess.Popen[str]:
        """Start the command that prepares version 2."""
        command = [sys.executable, "-m", "flows.command_line", "prepare", str(self.place.parent / "source"), "--json"]
        sizes = ["--size", "16", "--size", "8", "--rows-per-shard", str(ROWS_PER_SHARD), "--workers", "2"]
        return subprocess.Popen(
            [*command, "--dataset", "demo", "--slow", str(self.root), *sizes],
            cwd=REPOSITORY,
            env=environment | api,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder for datasets, and the identity of version 2."""
    place = tmp_path_factory.mktemp("orchestrators")
    source, whole = add_pictures(place / "source", FIRST), place / "whole"
    job = BareJob(str(source), str(whole), rows_per_shard=ROWS_PER_SHARD)
    prepare(job)
    shutil.copytree(whole, place / "version-1")
    add_pictures(source, SECOND, first=FIRST)
    prepare(job)
    return place, identity_of(whole, 2)


@pytest.fixture
def dataset(grown: tuple[Path, str], request: pytest.FixtureRequest) -> Dataset:
    place, identity = grown
    made = Dataset(place / f"case-{blake3(request.node.name.encode()).hexdigest()[:8]}", identity)
    shutil.copytree(made.as_it_was, made.root)
    return made


def identity_of(root: Path, number: int) -> str:
    return json.loads((root / "demo" / "versions" / f"{number:08d}.json").read_bytes())["body"]["identity"]


# ---- The server is lost while a run is under way


def flow_began(dataset: Dataset) -> bool:
    return any(dataset.root.glob("demo/tmp/*"))


def receipts_are(count: int, dataset: Dataset) -> bool:
    return len(dataset.receipts) >= FIRST // ROWS_PER_SHARD + count


EARLY, MIDDLE = flow_began, partial(receipts_are, SECOND // ROWS_PER_SHARD // 4)
LATE = partial(receipts_are, SECOND // ROWS_PER_SHARD)


@pytest.mark.parametrize(
    ("moment", "patience"),
    [
        pytest.param(MIDDLE, IMPATIENT, id="middle", marks=pytest.mark.slow),
        pytest.param(EARLY, IMPATIENT, id="early", marks=pytest.mark.slow),
        pytest.param(LATE, IMPATIENT, id="late", marks=pytest.mark.slow),
        pytest.param(MIDDLE, {}, id="middle-with-patience", marks=pytest.mark.slow),
    ],
)
def test_a_run_whose_temporary_server_is_killed_harms_nothing_and_is_continued(
    moment: Callable[[Dataset], bool], patience: dict[str, str], dataset: Dataset, prefect_api: str
):
    run = dataset.run(plain_environment(dataset.place / "home") | patience)
    wait_until(lambda: moment(dataset), run)
    temporary_server_of(run).kill()
    assert_lost_and_found(dataset, run, prefect_api, fault="temporary server killed")


def killed(server: OwnServer) -> None:
    server.signal(signal.SIGKILL)


def frozen(server: OwnServer) -> None:
    server.signal(signal.SIGSTOP)


def database_deleted(server: OwnServer) -> None:
    for path in server.home.glob("prefect.db*"):
        path.unlink()


def database_truncated(server: OwnServer) -> None:
    os.truncate(server.database, 0)


def database_is_noise(server: OwnServer) -> None:
    size = server.database.stat().st_size
    server.database.write_bytes(np.random.default_rng(1).bytes(size))


def home_removed(server: OwnServer) -> None:
    shutil.rmtree(server.home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss", [killed, frozen, database_deleted, database_truncated, database_is_noise, home_removed]
)
def test_a_run_whose_own_server_or_database_is_lost_harms_nothing_and_is_continued(
    loss: Callable[[OwnServer], None], dataset: Dataset, prefect_api: str
):
    with own_server(dataset.place / "home") as server:
        environment = plain_environment(dataset.place / "home-of-run") | IMPATIENT
        run = dataset.run(environment, PREFECT_API_URL=server.api)
        wait_until(lambda: MIDDLE(dataset), run)
        loss(server)
        assert_lost_and_found(dataset, run, prefect_api, fault=loss.__name__.replace("_", " "))


@pytest.mark.slow
def test_a_run_whose_database_is_locked_by_another_harms_nothing_and_is_continued(dataset: Dataset, prefect_api: str):
    with own_server(dataset.place / "home") as server:
        environment = plain_environment(dataset.place / "home-of-run") | IMPATIENT
        run = dataset.run(environment, PREFECT_API_URL=server.api)
        wait_until(lambda: MIDDLE(dataset), run)
        with closing(sqlite3.connect(server.database, timeout=60)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert_lost_and_found(dataset, run, prefect_api, fault="database locked by another")


# ---- Between two runs, and from the start


@pytest.mark.slow
def test_a_run_and_its_server_killed_together_are_continued_by_a_server_that_knows_nothing(
    dataset: Dataset, prefect_api: str
):
    with own_server(dataset.place / "home") as server:
        run = dataset.run(plain_environment(dataset.place / "home-of-run"), PREFECT_API_URL=server.api)
        wait_until(lambda: MIDDLE(dataset), run)
        run.kill()
        server.signal(signal.SIGKILL)
    shutil.rmtree(server.home)
    assert run.wait() == -signal.SIGKILL
    assert_lost_and_found(dataset, run, prefect_api, fault="run and server killed, home removed", says_why=False)


NOT_FOUND, HTML = partial(answering, 404, b"{}"), partial(answering, 200, b"<html>Welcome</html>")
FAILING = partial(answering, 500, b"{}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", [closed, silent, NOT_FOUND, HTML, FAILING], ids=["closed", "silent", "not-found", "html", "failing"]
)
def test_without_a_server_from_the_start_a_run_says_so_and_changes_nothing(
    place: Callable[[], AbstractContextManager[int]], dataset: Dataset, prefect_api: str
):
    before = dataset.receipts
    with place() as port:
        environment = plain_environment(dataset.place / "home") | IMPATIENT
        run = dataset.run(environment, PREFECT_API_URL=api_at(port))
        assert_lost_and_found(dataset, run, prefect_api, fault="no server from the start")
    assert before.items() <= dataset.receipts.items()


@pytest.mark.slow
def test_where_prefect_has_no_home_a_run_says_so_and_changes_nothing(dataset: Dataset, prefect_api: str):
    home = dataset.place / "home"
    home.write_text("a file")
    run = dataset.run(plain_environment(home) | IMPATIENT)
    assert_lost_and_found(dataset, run, prefect_api, fault="PREFECT_HOME cannot be made")


def assert_lost_and_found(
    dataset: Dataset, run: subprocess.Popen[str], api: str, *, fault: str, says_why: bool = True
) -> None:
    """Check how a run ended that lost its server, what it left, and that the next run makes version 2 of it."""
    output, errors = run.communicate(timeout=RUN_SECONDS)
    broken = of_ending(run.returncode, output, errors) if says_why else []
    broken += of_dataset(dataset)
    kept = dataset.receipts
    again = dataset.run(plain_environment(dataset.place / "home-of-next"), PREFECT_API_URL=api)
    output, errors = again.communicate(timeout=RUN_SECONDS)
    assert again.returncode == 0, errors
    built = json.loads(output)["built_images"]
    broken += ["receipts were not kept"] * (not kept.items() <= dataset.receipts.items())
    missing = SECOND // ROWS_PER_SHARD - (len(kept) - FIRST // ROWS_PER_SHARD)
    broken += [f"{built} images were built again, {missing} shards were missing"] * (built != missing * ROWS_PER_SHARD)
    broken += ["another version came of it"] * (identity_of(dataset.root, 2) != dataset.identity)
    record(11, fault=fault, injected=1, held=int(not broken))
    assert not broken, "\n".join(broken)


def of_ending(code: int, output: str, errors: str) -> list[str]:
    """Return what is wrong with how a run ended: it may have finished, or says in a sentence why not."""
    broken = [f"traceback: {errors[-300:]}"] * ("Traceback" in errors)
    if code not in (0, 1, 2, 74, 75):
        broken.append(f"exit code {code}")
    told = json.loads(output) if output.startswith("{") else {}
    if code and ("Prefect" not in told.get("error", "") or told.get("exit_code") != code):
        broken.append(f"no sentence about Prefect's server: {output[-300:]!r}")
    return broken


def of_dataset(dataset: Dataset) -> list[str]:
    """Return what is wrong with what a run left: version 1 as it was, and version 2 whole or not at all."""
    broken = []
    if not np.array_equal(rows_of_version_1(dataset.root), rows_of_version_1(dataset.as_it_was)):
        broken.append("version 1 is not what it was")
    names = sorted(path.name for path in dataset.root.glob("demo/versions/*"))
    if names not in (["00000001.json"], ["00000001.json", "00000002.json"]):
        broken.append(f"versions are {names}")
    if len(names) == 2 and identity_of(dataset.root, 2) != dataset.identity:
        broken.append("a version was published that is not whole")
    return broken


def rows_of_version_1(root: Path) -> NDArray[np.uint8]:
    with open_version(Tiers(root, root), "demo", number=1) as version:
        return version.rows(16)[:]
