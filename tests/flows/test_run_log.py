"""What a run writes down for the morning after."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from flows.run_log import KEPT_RUNS, run_log
from storage.datasets import create_dataset
from storage.errors import NotEnoughSpace
from storage.layout import DatasetFolder


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    return create_dataset(tmp_path, "demo")


def failure(folder: DatasetFolder) -> dict:
    (path,) = folder.logs.glob("*.failure.json")
    return json.loads(path.read_text())


def test_a_run_that_went_well_leaves_a_log_and_no_failure(folder: DatasetFolder):
    with run_log(folder, "prepare") as log:
        logging.getLogger("storage.tiers").warning("a copy is missing")
    text = log.read_text()
    assert "WARNING storage.tiers: a copy is missing" in text
    assert "prepare of" in text
    assert text.rstrip().endswith("is done")
    assert list(folder.logs.glob("*.failure.json")) == []


def test_a_failure_names_error_path_need_have_remedy_and_exit_code_for_programs(folder: DatasetFolder):
    error = NotEnoughSpace("too little room", path=folder.path, need=200, have=100, remedy="free some space")
    with pytest.raises(NotEnoughSpace), run_log(folder, "prepare") as log:
        raise error
    found = failure(folder)
    assert found["error"] == "NotEnoughSpace"
    assert found["message"] == "too little room. Free some space"
    assert (found["path"], found["need"], found["have"]) == (str(folder.path), 200, 100)
    assert (found["remedy"], found["exit_code"]) == ("free some space", 2)
    assert (found["command"], found["dataset"]) == ("prepare", "demo")
    assert any("raise error" in line for line in found["traceback"])
    assert log.with_suffix(".failure.json").is_file()


def test_an_interrupted_run_is_told_from_a_defect(folder: DatasetFolder):
    with pytest.raises(KeyboardInterrupt), run_log(folder, "prepare"):
        raise KeyboardInterrupt
    assert failure(folder)["exit_code"] == 75


def test_a_defect_of_ours_has_no_exit_code_and_its_traceback(folder: DatasetFolder):
    with pytest.raises(ZeroDivisionError), run_log(folder, "prepare"):
        _ = 1 / 0
    assert failure(folder)["exit_code"] is None
    assert failure(folder)["error"] == "ZeroDivisionError"


def test_a_failure_that_cannot_be_written_does_not_hide_the_first(
    folder: DatasetFolder, caplog: pytest.LogCaptureFixture
):
    # A folder in its place: what a full disk does to a file, for root too.
    def fail(log: Path) -> None:
        (log.with_suffix(".failure.json") / "in the way").mkdir(parents=True)
        raise NotEnoughSpace("first")

    with pytest.raises(NotEnoughSpace, match="first"), run_log(folder, "prepare") as log:
        fail(log)
    assert "could not be written" in caplog.text


def test_only_so_many_runs_leave_their_logs(folder: DatasetFolder):
    folder.logs.mkdir()
    for number in range(KEPT_RUNS + 5):
        (folder.logs / f"20200101T{number:06d}Z-1.log").touch()
        (folder.logs / f"20200101T{number:06d}Z-1.failure.json").touch()
    with run_log(folder, "prepare"):
        pass
    assert len(list(folder.logs.glob("*.log"))) == KEPT_RUNS + 1
    assert not (folder.logs / "20200101T000004Z-1.failure.json").exists()


def test_levels_and_handlers_are_as_before(folder: DatasetFolder):
    before = logging.getLogger("storage").level, list(logging.getLogger("storage").handlers)
    with run_log(folder, "prepare"):
        pass
    assert (logging.getLogger("storage").level, list(logging.getLogger("storage").handlers)) == before
