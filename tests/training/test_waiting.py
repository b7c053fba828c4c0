"""A run that finds its directory or its GPU held waits as long as it was told to, and then does as if it had not."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
import torch

from tasks.ops.file_locks import DeviceBusy, Patience
from tests.tasks.ops.lock_holders import holder
from tests.training.conftest import Started, outputs, result
from training.device_lock import device_lock

SLOW = "seconds_per_step=0.02"


def wait_until_it_waits(run: Started) -> None:
    give_up = time.monotonic() + 60
    while not run.errors.exists() or "waiting up to" not in run.errors.read_text():
        assert time.monotonic() < give_up, run.errors
        time.sleep(0.02)


def test_a_run_goes_on_from_the_checkpoint_of_the_one_that_it_waited_for(tmp_path: Path, start_run, run_here):
    run = tmp_path / "run"
    before = start_run(run, SLOW)
    before.wait_for_step(6)
    before.send(signal.SIGSTOP)  # or it might be done before the other one has started
    after = start_run(run, SLOW, "--wait-for-device", "60")
    wait_until_it_waits(after)
    before.send(signal.SIGTERM)
    before.send(signal.SIGCONT)
    assert before.wait() == 75
    assert after.wait() == 0
    assert run_here(tmp_path / "alone", SLOW) == 0
    assert outputs(run) == outputs(tmp_path / "alone")
    assert result(run)["state"] == "done"


def test_a_run_waits_for_its_directory_and_says_so_once(tmp_path: Path, start_run):
    run = tmp_path / "run"
    run.mkdir()
    with holder(run / "lock", seconds=2) as process:
        waiting = start_run(run, "--wait-for-device", "60")
        assert waiting.wait() == 0
        assert process.wait() == 0
    told = re.findall(r"the run directory .* is in use by process (\d+) .*; waiting up to \d+ s", log_of(run))
    assert told == [str(process.pid)]
    assert result(run)["state"] == "done"


def test_a_run_that_waits_in_vain_is_refused_and_harms_nothing(tmp_path: Path, start_run):
    run = tmp_path / "run"
    run.mkdir()
    with holder(run / "lock") as process:
        waiting = start_run(run, "--wait-for-device", "1")
        assert waiting.wait() == 11
        last = waiting.errors.read_text().splitlines()[-1]
        assert last.startswith(f"the run directory {run} is in use by process {process.pid} on ")
    assert sorted(path.name for path in run.iterdir()) == ["lock", "log.txt"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_while_it_waits_ends_with_75_and_has_begun_nothing(
    tmp_path: Path, start_run, number: signal.Signals
):
    run = tmp_path / "run"
    run.mkdir()
    with holder(run / "lock") as process:
        waiting = start_run(run, "--wait-for-device", "600")
        wait_until_it_waits(waiting)
        waiting.send(number)
        assert waiting.wait() == 75
        assert process.poll() is None
    assert f"told to stop while waiting for the run directory {run}; nothing was begun" in log_of(run)
    assert sorted(path.name for path in run.iterdir()) == ["lock", "log.txt"]


def test_a_wait_is_no_setting_of_the_run(tmp_path: Path, run_here):
    assert run_here(tmp_path / "run", "--wait-for-device", "5") == 0
    assert "wait" not in (tmp_path / "run" / "config.toml").read_text()
    # It may be another at each start.
    assert run_here(tmp_path / "run", "--wait-for-device", "7") == 0


@pytest.mark.parametrize("seconds", ["-1", "inf", "nan", "soon"])
def test_a_wait_is_seconds(tmp_path: Path, run_here, seconds: str):
    with pytest.raises(SystemExit):
        run_here(tmp_path / "run", f"--wait-for-device={seconds}")
    assert not (tmp_path / "run").exists()


def test_a_gpu_is_waited_for_like_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # There need not be one on this machine; which file stands for it is what torch tells.
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: type("Gpu", (), {"uuid": "ab"}))
    device, locks = torch.device("cuda:0"), tmp_path / "locks"
    with device_lock(device, tmp_path, locks=locks):
        pass
    with (
        holder(locks / "gpu-ab.lock", seconds=2) as process,
        pytest.raises(DeviceBusy, match=rf"the GPU gpu-ab \(cuda:0\) is in use by process {process.pid} "),
        device_lock(device, tmp_path, locks=locks),
    ):
        pass
    with (
        holder(locks / "gpu-ab.lock", seconds=2) as process,
        device_lock(device, tmp_path, locks=locks, patience=Patience(time.monotonic() + 60)),
    ):
        assert process.wait() == 0


def log_of(run: Path) -> str:
    return (run / "log.txt").read_text()
