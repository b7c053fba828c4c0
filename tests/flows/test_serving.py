"""`imagemill serve`: schedules, limits, and what is left when something of it is stopped or killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from prefect import flow
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.states import Cancelling
from typer.testing import CliRunner

from flows.command_line import app
from flows.image_job import ImageJob
from flows.part_steps import SCALES
from flows.prepare_images import prepare_images
from storage.datasets import existing_dataset
from storage.models import model_folder
from storage.promotions import promotions_of
from storage.versions import version_numbers
from tests.faults.crash_table import Row, record
from tests.faults.tiny_source import add_pictures
from tests.flows.four_at_once import prepare_four
from tests.flows.served import Served, flow_process, served, trainer, trainers, wait_for
from tests.flows.small_settings import TINY

STOP, KILL = signal.SIGTERM, signal.SIGKILL


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("home")) as found:
        yield found


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, 0)[1]


def began(here: Served, root: Path, *settings: str) -> tuple[FlowRun, psutil.Process, psutil.Process]:
    """Start a training; return its run, the process of the flow and that of the training, when it is under way."""
    run = here.train(root, *settings)
    training = wait_for(lambda: trainer(root), here.log)
    flow = flow_process(run)
    assert flow is not None
    return run, flow, training


def goes_on(here: Served, root: Path) -> None:
    """Check that the next run of the same gets the slot, and carries what the last one left to its end."""
    again = here.train(root)
    highest = 0

    def final() -> bool:
        nonlocal highest
        highest = max(highest, len(trainers(root)))
        return here.state(again) in ("COMPLETED", "FAILED", "CRASHED")

    wait_for(final, here.log)
    assert here.state(again) == "COMPLETED", here.message(again)
    assert highest == 1
    assert [each.is_granted for each in promotions_of(model_folder(root, "digits"))] == [True]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        pytest.param(STOP, "aborted by a termination signal", marks=pytest.mark.slow, id="SIGTERM"),
        pytest.param(KILL, "SIGKILL", id="SIGKILL"),
    ],
)
def test_a_flow_that_is_stopped_or_killed_takes_its_training_along(
    here: Served, tmp_path: Path, number: signal.Signals, told: str
):
    run, flow, training = began(here, tmp_path)
    at = time.monotonic()
    flow.send_signal(number)
    assert here.ended(run) == "CRASHED"
    wait_for(lambda: gone([training]), here.log)
    seconds = time.monotonic() - at
    assert told in here.message(run)
    assert any(tmp_path.rglob("checkpoints/*")), "it wrote no checkpoint before it ended"
    goes_on(here, tmp_path)
    record(Row("flow process", number.name, "Crashed", seconds, "training wrote a checkpoint; the next run goes on"))


@pytest.mark.slow
def test_a_training_that_is_stopped_goes_on_by_itself(here: Served, tmp_path: Path):
    run, _, training = began(here, tmp_path)
    at = time.monotonic()
    training.send_signal(STOP)
    wait_for(lambda: gone([training]) and trainer(tmp_path), here.log)
    seconds = time.monotonic() - at
    assert here.ended(run) == "COMPLETED"
    record(Row("training process", "SIGTERM", "Completed", seconds, "the same run goes on from its checkpoint"))


@pytest.mark.slow
def test_a_training_that_is_killed_fails_its_run_and_the_next_goes_on(here: Served, tmp_path: Path):
    run, _, training = began(here, tmp_path)
    at = time.monotonic()
    training.send_signal(KILL)
    assert here.ended(run) == "FAILED"
    seconds = time.monotonic() - at
    assert "ended by SIGKILL" in here.message(run)
    goes_on(here, tmp_path)
    record(Row("training process", "SIGKILL", "Failed", seconds, "the next run goes on from the last checkpoint"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [STOP, KILL], ids=["SIGTERM", "SIGKILL"])
def test_a_worker_that_ends_takes_its_runs_along_and_is_started_again(
    here: Served, tmp_path: Path, number: signal.Signals
):
    run, flow, training = began(here, tmp_path)
    worker = here.worker("gpu")
    at = time.monotonic()
    worker.send_signal(number)
    wait_for(lambda: gone([worker, flow, training]), here.log)
    # A worker of Prefect's that is stopped kills its runs before they can say so: then the watch does.
    assert here.ended(run) == "CRASHED"
    seconds = time.monotonic() - at
    goes_on(here, tmp_path)
    assert here.worker("gpu").pid != worker.pid
    left = "training wrote a checkpoint; the worker is back, the next run goes on"
    record(Row("worker", number.name, "Crashed", seconds, left))


@pytest.mark.slow
@pytest.mark.parametrize("number", [STOP, KILL], ids=["SIGTERM", "SIGKILL"])
def test_a_server_that_ends_is_started_again_and_no_run_notices(here: Served, tmp_path: Path, number: signal.Signals):
    run, flow, _ = began(here, tmp_path, "seconds_per_step=1")
    server = here.server
    at = time.monotonic()
    server.send_signal(number)
    wait_for(lambda: gone([server]) and here.answers(run), here.log)
    seconds = time.monotonic() - at
    assert flow.is_running()
    assert here.ended(run) == "COMPLETED"
    assert [each.is_granted for each in promotions_of(model_folder(tmp_path, "digits"))] == [True]
    record(Row("server", number.name, "Completed", seconds, "the run waits for the server, which is back"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [STOP, KILL], ids=["SIGTERM", "SIGKILL"])
def test_when_all_of_it_ends_its_training_ends_too_and_the_next_start_goes_on(tmp_path: Path, number: signal.Signals):
    root, home = tmp_path / "root", tmp_path / "home"
    home.mkdir()
    with served(home) as here:
        run, flow, training = began(here, root)
        below = [*psutil.Process(here.process.pid).children(), training]
        at = time.monotonic()
        os.kill(here.process.pid, number)
        wait_for(lambda: gone(below), here.log)
        seconds = time.monotonic() - at
    # Killed at once, there is nobody to whom the flow could tell how it ended: it does when the server is back.
    with served(home, port=here.port) as here:
        assert here.ended(run) == "CRASHED"
        wait_for(lambda: gone([flow]), here.log)
        goes_on(here, root)
    left = "training wrote a checkpoint; after the next start the next run goes on"
    record(Row("imagemill serve", number.name, "Crashed", seconds, left))


@pytest.mark.slow
def test_a_retraining_that_crashed_is_started_again_and_goes_on(here: Served, tmp_path: Path):
    root, settings = tmp_path / "root", tmp_path / "settings"
    settings.mkdir()
    recipe = TINY["superres"].replace("epochs=0.02", "epochs=10")
    (settings / "superres.toml").write_text(f'recipe = "superres"\n{recipe}\n[loop]\ncpu_threads = 1\n')
    sizes = SCALES["small"].sides(("superres",))
    images = ImageJob(
        source=add_pictures(tmp_path / "photos", 120), dataset="photos", slow=root, fast=root, sizes=sizes, workers=2
    )
    job = {"part": "superres", "scale": "small", "configurations": str(settings), "device": "cpu"}
    quietly_prepared(images)
    told = {"dataset": "photos", "version": 1, "slow": str(root), "fast": str(root)}
    first = here.start("retrain/retrain-superres", {"images": told, "job": job})
    wait_for(lambda: trainer(root), here.log)
    process = flow_process(first)
    assert process is not None
    process.kill()
    assert here.ended(first) == "CRASHED"
    second = wait_for(lambda: _following(here, first), here.log)
    assert second.parameters == first.parameters
    assert here.ended(second) == "COMPLETED", here.message(second)
    (log,) = root.rglob("runs/*/log.txt")
    assert "going on after step" in log.read_text()


@flow
def quietly_prepared(job: ImageJob) -> None:
    """Prepare images as a part of a larger run: what is published then starts nothing."""
    prepare_images(job)


def _following(here: Served, first: FlowRun) -> FlowRun | None:
    """Return the run of the same deployment that came after another and is to be carried out."""
    found = here.client.read_flow_runs(limit=200)
    return next(
        (
            run
            for run in found
            if run.deployment_id == first.deployment_id and run.parameters == first.parameters and run.id != first.id
        ),
        None,
    )


@pytest.mark.slow
def test_a_run_that_is_cancelled_on_the_pages_ends_with_a_checkpoint(here: Served, tmp_path: Path):
    run, flow, training = began(here, tmp_path)
    here.client.set_flow_run_state(run.id, Cancelling())
    assert here.ended(run) == "CANCELLED"
    wait_for(lambda: gone([flow, training]), here.log)
    assert any(tmp_path.rglob("checkpoints/*"))
    goes_on(here, tmp_path)


@pytest.mark.slow
def test_a_second_run_waits_for_the_slot_of_the_first(here: Served, tmp_path: Path):
    runs = [here.train(tmp_path / name) for name in ("first", "second")]
    most = 0

    def all_ended() -> bool:
        nonlocal most
        most = max(most, len(trainers(tmp_path)))
        return all(here.state(run) == "COMPLETED" for run in runs)

    wait_for(all_ended, here.log)
    assert most == 1


@pytest.mark.slow
def test_a_schedule_fires_is_left_out_while_a_run_is_going_and_a_second_worker_doubles_nothing(tmp_path: Path):
    home, root = tmp_path / "home", tmp_path / "root"
    home.mkdir()
    source = add_pictures(tmp_path / "photos", 200)
    with served(home, "--source", str(source), "--slow", str(root)) as here:
        deployment = here.client.read_deployment_by_name("prepare-images/prepare-images")
        every = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(seconds=3)), active=True)
        here.client.create_deployment_schedules(deployment.id, [(every.schedule, True)])
        # A second worker of the same pool, as on a second machine.
        second = psutil.Popen(
            [*here.worker("cpu").cmdline()[:-1], "second"], env=here.worker("cpu").environ(), cwd=home
        )
        try:
            states = wait_for(lambda: _both(here), here.log)
        finally:
            second.terminate()
            second.wait(60)
    assert states["most"] == 1
    assert version_numbers(existing_dataset(root, "photos")) == [1]


def _both(here: Served) -> dict[str, int] | None:
    """Return figures of the runs so far when several have completed and several were left out."""
    runs = [run for run in here.client.read_flow_runs(limit=200) if run.auto_scheduled]
    ended = [run.state.type.value for run in runs if run.state]
    running = sum(state == "RUNNING" for state in ended)
    assert running <= 1
    if ended.count("COMPLETED") < 2 or ended.count("CANCELLED") < 2:
        return None
    return {"most": max(1, running)}


@pytest.mark.slow
def test_four_flows_at_once_on_sqlite_complete_and_nothing_is_told_that_the_database_is_locked(
    here: Served, tmp_path: Path
):
    told = prepare_four(tmp_path, here.api)
    assert "database is locked" not in told + here.log.read_text()


def test_nobody_beyond_this_machine_without_a_password(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    refused = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0"])
    assert refused.exit_code == 2
    assert "Set PREFECT_SERVER_API_AUTH_STRING=user:password first" in refused.stderr
