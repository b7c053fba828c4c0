"""`imagemill status` as a person and as a machine sees it: datasets, trainings at work, who holds which GPU."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.command_line import app
from flows.status_terminal import Status, print_status
from storage.datasets import create_dataset
from storage.locking import Holder
from storage.models import MODELS
from storage.staging import fast_usage
from storage.tiers import Tiers
from tasks.ops.dataset_status import UnfinishedPairs, dataset_statuses
from tasks.ops.file_locks import LockNote
from tasks.ops.held_devices import DeviceState
from tasks.ops.running_trainings import RunningTraining
from tasks.ops.training_process import TrainingProcess, training_process
from tests.flows.training_runs import REPOSITORY, SETTINGS, SLOWLY
from tests.training.conftest import RECIPE, curve

HOSTILE = "evil\x1b[2J\n\u202e"
OTHER = Holder("node7", 4711, "another-boot", "2026-11-20T08:00:00+00:00")


def printed(root: Path, capsys: pytest.CaptureFixture[str], *, as_json: bool = False, **found: object) -> str:
    tiers = Tiers(root, root)
    parts = {"datasets": dataset_statuses(tiers), "trainings": [], "devices": [], "fast_usage": fast_usage(tiers)}
    print_status(Status(**(parts | found)), tiers, as_json=as_json)  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_a_machine_without_gpus_and_trainings_says_nothing_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    told = printed(tmp_path, capsys)
    assert told == f"no dataset below {tmp_path}; make one with: imagemill prepare SOURCE --dataset NAME\n"


def test_each_gpu_has_a_line_and_names_are_shown_and_not_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    devices = [
        DeviceState("gpu-a", True, LockNote(OTHER, "/runs/first")),
        DeviceState("gpu-b", False, LockNote(Holder(HOSTILE, 12, "boot", "noon"), HOSTILE)),
        DeviceState("gpu-c", True, None),
    ]
    told = printed(tmp_path, capsys, devices=devices)
    assert told.splitlines()[1:] == [
        "gpu-a: held by process 4711 on node7 since 2026-11-20T08:00:00+00:00, run /runs/first",
        "gpu-b: free, last used by process 12 on evil\\x1b[2J\\n\\u202e from noon on, run evil\\x1b[2J\\n\\u202e",
        "gpu-c: held by another process that has just started",
    ]
    facts = json.loads(printed(tmp_path, capsys, as_json=True, devices=devices))["devices"]
    assert facts[0]["note"] == {
        "holder": {"host": "node7", "pid": 4711, "boot": "another-boot", "since": OTHER.since},
        "run": "/runs/first",
    }
    assert [device["is_held"] for device in facts] == [True, False, True]


def test_a_training_that_has_told_nothing_yet_has_not_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    waiting = RunningTraining("faces", tmp_path / "0123", None, None, None, None, None, OTHER)
    told = printed(tmp_path, capsys, trainings=[waiting])
    (row,) = [line for line in told.splitlines() if "faces" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["faces", "-", "not begun", "-", "-", "4711 on node7", OTHER.since, "0123"]


def test_unfinished_pairs_have_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    create_dataset(tmp_path, "photos-half")
    (status,) = dataset_statuses(Tiers(tmp_path, tmp_path))
    unfinished = replace(status, unfinished_pairs=UnfinishedPairs(built=3, pairs=3072))
    assert printed(tmp_path, capsys, datasets=[unfinished]).endswith(
        "\nphotos-half: an unfinished run has receipts for 3 shards (3,072 pairs) that no version holds; the same "
        "command continues it\n"
    )


def wait_for_step(process: TrainingProcess, run: Path, step: int) -> None:
    give_up = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() or not any(line["step"] >= step for line in curve(run)):
        assert process.wait(0.05) is None, process.last_words()
        assert time.monotonic() < give_up


def test_a_training_is_listed_while_it_runs_on_a_cpu_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = create_dataset(tmp_path, "model-digits", kind=MODELS).runs / "0123"
    with training_process([RECIPE, "--run-dir", str(run), "--device", "cpu", *SETTINGS, SLOWLY]) as process:
        wait_for_step(process, run, 3)
        listed = CliRunner().invoke(app, ["status", "--slow", str(tmp_path), "--json"])
        shown = CliRunner().invoke(app, ["status", "--slow", str(tmp_path)])
    (training,) = json.loads(listed.stdout)["trainings"]
    assert (training["model"], training["run"], training["recipe"]) == ("digits", str(run), RECIPE)
    assert (training["device"], training["steps"]) == ("cpu", 29)
    assert training["step"] >= 3
    assert training["images_per_second"] > 0
    assert training["holder"]["pid"] == process.pid != os.getpid()
    assert "trainings at work" in shown.stdout
    ended = CliRunner().invoke(app, ["status", "--slow", str(tmp_path), "--json"])
    assert json.loads(ended.stdout)["trainings"] == []
