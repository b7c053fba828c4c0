"""The trainings at work below a root: those whose directory a process holds, and how far each has told that it is."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from storage.datasets import create_dataset
from storage.models import MODELS
from tasks.ops.running_trainings import running_trainings
from tests.tasks.ops.lock_holders import holder

LINEAGE = {
    "recipe": "superres",
    "request": "ab",
    "metric": None,
    "origins": [],
    "code": [],
    "libraries": [],
    "seed": 0,
    "processes": 1,
    "device": "NVIDIA H100",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory of the model `faces` below a root, in which nothing is told yet."""
    return run_of(tmp_path, "faces")


def run_of(root: Path, model: str, name: str = "0123-4567") -> Path:
    path = create_dataset(root, f"model-{model}", kind=MODELS).runs / name
    path.mkdir(parents=True)
    return path


def train_line(step: int, rate: float = 12.5) -> str:
    return json.dumps({"kind": "train", "step": step, "steps": 900, "rows_per_second": rate}) + "\n"


def test_below_a_root_without_models_nothing_is_at_work(tmp_path: Path):
    assert running_trainings(tmp_path) == running_trainings(tmp_path / "nothing") == []


def test_a_run_is_at_work_as_long_as_its_process(tmp_path: Path, run: Path):
    (run / "lineage.json").write_text(json.dumps(LINEAGE))
    valid = json.dumps({"kind": "valid", "step": 8, "steps": 900, "metrics": {"psnr": 30.0}}) + "\n"
    (run / "metrics.jsonl").write_text(train_line(4) + train_line(8, 25.0) + valid + train_line(12)[:20])
    assert running_trainings(tmp_path) == []
    with holder(run / "lock", str(run)) as process:
        (found,) = running_trainings(tmp_path)
        assert (found.model, found.run, found.recipe, found.device) == ("faces", run, "superres", "NVIDIA H100")
        assert (found.step, found.steps, found.images_per_second) == (8, 900, 25.0)
        assert found.holder is not None
        assert found.holder.pid == process.pid
        process.kill()
        process.wait()
    assert running_trainings(tmp_path) == []


def test_a_run_that_waits_for_its_gpu_has_told_nothing_and_is_listed(tmp_path: Path, run: Path):
    with holder(run / "lock"):
        (found,) = running_trainings(tmp_path)
    assert (found.model, found.recipe, found.step, found.images_per_second) == ("faces", None, None, None)


def test_of_a_long_curve_the_end_counts(tmp_path: Path, run: Path):
    (run / "metrics.jsonl").write_text("".join(map(train_line, range(5_000))))
    with holder(run / "lock"):
        (found,) = running_trainings(tmp_path)
    assert found.step == 4_999


def test_runs_stand_in_the_order_of_their_models(tmp_path: Path):
    runs = [run_of(tmp_path, "faces", "b"), run_of(tmp_path, "colours", "c"), run_of(tmp_path, "faces", "a")]
    with ExitStack() as held:
        for run in runs:
            held.enter_context(holder(run / "lock"))
        found = running_trainings(tmp_path)
    assert [(each.model, each.run.name) for each in found] == [("colours", "c"), ("faces", "a"), ("faces", "b")]


def test_what_others_left_in_a_run_is_not_followed(tmp_path: Path, run: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lineage.json").write_text(json.dumps(LINEAGE))
    (elsewhere / "metrics.jsonl").write_text(train_line(4))
    (run / "lineage.json").symlink_to(elsewhere / "lineage.json")
    os.mkfifo(run / "metrics.jsonl")
    (run.parent / "linked").symlink_to(elsewhere)
    (run.parent / "a file").touch()
    with holder(run / "lock"), holder(elsewhere / "lock"):
        (found,) = running_trainings(tmp_path)
    assert (found.run, found.recipe, found.step) == (run, None, None)


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"[" * 70_000, b"1\n", b'{"kind": "train", "step": "x"}\n'])
def test_rubbish_tells_nothing(tmp_path: Path, run: Path, content: bytes):
    (run / "lineage.json").write_bytes(content)
    (run / "metrics.jsonl").write_bytes(content)
    with holder(run / "lock"):
        (found,) = running_trainings(tmp_path)
    assert (found.recipe, found.step) == (None, None)


def test_a_model_whose_runs_are_elsewhere_is_passed_over_with_a_word(
    tmp_path: Path, run: Path, caplog: pytest.LogCaptureFixture
):
    other = create_dataset(tmp_path, "model-other", kind=MODELS)
    other.runs.symlink_to(run.parent)
    with holder(run / "lock"):
        assert [found.model for found in running_trainings(tmp_path)] == ["faces"]
    assert "the runs of model-other are passed over" in caplog.text
