"""The training process is told how long to wait for what is held, and what it is refused with is passed on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from storage.run_directory import RunDirectory
from tasks.ops.training_commands import Description, TrainingOrder, described, trained
from tasks.ops.training_process import TrainingFailed
from tests.tasks.ops.lock_holders import REPOSITORY, holder
from tests.training.conftest import RECIPE, SETTINGS


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def order(tmp_path: Path) -> TrainingOrder:
    return TrainingOrder(RECIPE, None, SETTINGS, tmp_path, tmp_path, device="cpu")


@pytest.fixture
def description(order: TrainingOrder) -> Description:
    return described(order)


@pytest.fixture
def run(description: Description, tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    directory.config.write_text(description.config)
    return directory


def test_how_long_it_may_wait_is_no_part_of_what_was_asked(order: TrainingOrder, description: Description):
    assert described(replace(order, device_wait=600)) == description


def test_a_patient_order_is_carried_out_when_the_other_run_has_ended(order: TrainingOrder, run: RunDirectory):
    with holder(run.lock, seconds=8) as process:
        trained(replace(order, device_wait=120), run, on_poll=lambda: None)
        assert process.wait() == 0
    assert run.is_done
    assert f"is in use by process {process.pid} on " in run.log.read_text()


def test_an_order_that_is_turned_away_has_the_sentence_on_who_is_in_the_way_and_not_its_result(
    order: TrainingOrder, run: RunDirectory
):
    def other_run_ends() -> None:
        if not run.result.exists():
            run.write_result({"state": "preempted", "reason": "of the other run"})

    with (
        holder(run.lock) as process,
        pytest.raises(TrainingFailed, match=rf"^the run directory .* is in use by process {process.pid} ") as raised,
    ):
        trained(order, run, on_poll=other_run_ends)
    assert raised.value.exit_code == 11
    assert "of the other run" not in str(raised.value)
