"""A run that was stopped, killed or damaged goes on as if nothing had happened: to the bit, on a CPU."""

from __future__ import annotations

import random
import signal
import warnings
from pathlib import Path

import pytest
import torch

from tests.training.conftest import command, curve, outputs, result
from training.__main__ import main

STEPS = 29
SLOW = "seconds_per_step=0.02"


@pytest.fixture(scope="module")
def uninterrupted_slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert main(command(run, SLOW)) == 0
    return run


def test_two_runs_are_the_same_to_the_bit(tmp_path: Path, run_here, uninterrupted: Path):
    assert run_here(tmp_path / "run") == 0
    assert outputs(tmp_path / "run") == outputs(uninterrupted)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_reading_threads_changes_nothing(tmp_path: Path, run_here, uninterrupted: Path, threads: int):
    assert run_here(tmp_path / "run", f"threads={threads}") == 0
    assert outputs(tmp_path / "run") == outputs(uninterrupted)


@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_at_a_random_step_resumes_to_the_bit(
    tmp_path: Path, start_run, run_here, uninterrupted_slow: Path, seed: int
):
    run, reach = tmp_path / "run", random.Random(seed).randrange(3, STEPS - 2)
    started = start_run(run, SLOW)
    started.wait_for_step(reach)
    started.send(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    assert not (run / "result.json").exists()
    assert run_here(run, SLOW) == 0
    assert outputs(run) == outputs(uninterrupted_slow)


def test_a_run_killed_twice_resumes_to_the_bit(tmp_path: Path, start_run, run_here, uninterrupted_slow: Path):
    run = tmp_path / "run"
    for reach in (6, 18):
        started = start_run(run, SLOW)
        started.wait_for_step(reach)
        started.send(signal.SIGKILL)
        started.wait()
    assert run_here(run, SLOW) == 0
    assert outputs(run) == outputs(uninterrupted_slow)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_writes_a_checkpoint_and_goes_on_later(
    tmp_path: Path, start_run, run_here, uninterrupted_slow: Path, number: signal.Signals
):
    run = tmp_path / "run"
    started = start_run(run, SLOW)
    started.wait_for_step(6)
    started.send(number)
    assert started.wait() == 75
    stopped = result(run)
    assert (stopped["state"], stopped["reason"]) == ("preempted", "it was asked to stop")
    assert 6 <= stopped["steps"] < STEPS
    newest = max(path.name for path in (run / "checkpoints").iterdir())
    assert int(newest[:9]) == stopped["steps"]
    assert run_here(run, SLOW) == 0
    assert result(run)["state"] == "done"
    steps = [line["step"] for line in curve(run) if line["kind"] == "train"]
    assert steps == [*range(3, STEPS, 3), STEPS]
    assert outputs(run) == outputs(uninterrupted_slow)


@pytest.mark.parametrize("harm", ["cut", "flipped"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    tmp_path: Path, start_run, run_here, uninterrupted_slow: Path, harm: str
):
    run = tmp_path / "run"
    started = start_run(run, SLOW)
    started.wait_for_step(12)
    started.send(signal.SIGKILL)
    started.wait()
    newest, before = sorted((run / "checkpoints").glob("*.pt"), reverse=True)[:2]
    content = bytearray(newest.read_bytes())
    if harm == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run_here(run, SLOW) == 0
    log = (run / "log.txt").read_text()
    assert f"{newest} is damaged: its bytes are not those that were written" in log
    assert f"going on after step {int(before.name[:9])}" in log
    assert (run / "checkpoints" / (newest.name + ".damaged")).exists()
    assert outputs(run) == outputs(uninterrupted_slow)


def test_a_run_killed_after_its_last_checkpoint_still_tells_its_result(tmp_path: Path, run_here, uninterrupted: Path):
    run = tmp_path / "run"
    assert run_here(run) == 0
    told = result(run)
    (run / "result.json").unlink()
    (run / "weights.pt").unlink()
    assert run_here(run) == 0
    assert result(run)["metrics"] == told["metrics"]
    assert outputs(run) == outputs(uninterrupted)


def test_a_finished_run_is_left_alone(tmp_path: Path, run_here):
    run = tmp_path / "run"
    assert run_here(run, "rows=40") == 0
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.name not in ("log.txt", "lock", "run")}
    assert run_here(run, "rows=40") == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "nothing to do" in (run / "log.txt").read_text()


def test_a_run_does_not_go_on_with_other_settings(tmp_path: Path, run_here, capsys):
    run = tmp_path / "run"
    assert run_here(run, "rows=40") == 0
    told = result(run)
    assert run_here(run, "rows=40", "dropout=0.5") == 2
    assert "dropout was 0.2 and is 0.5. Use those of before, or another run directory" in capsys.readouterr().err
    assert result(run) == told
    assert run_here(run, "rows=40", "loop.keep_checkpoints=9") == 0


def test_a_checkpoint_is_not_gone_on_from_with_other_rows(tmp_path: Path, start_run, run_here, capsys):
    run = tmp_path / "run"
    started = start_run(run, SLOW)
    started.wait_for_step(15)
    started.send(signal.SIGTERM)
    assert started.wait() == 75
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace("rows = 160", "rows = 90"))
    assert run_here(run, SLOW, "rows=90") == 2
    assert "cannot be gone on from: its last batch was" in capsys.readouterr().err


def test_checkpoints_hold_nothing_but_tensors_and_plain_values(uninterrupted: Path):
    for path in (*(uninterrupted / "checkpoints").iterdir(), uninterrupted / "weights.pt"):
        assert torch.load(path, weights_only=True)
    assert len(list((uninterrupted / "checkpoints").iterdir())) == 3
