"""No two runs share a GPU or a directory by accident, and who is turned away learns by whom."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from tasks.ops.file_locks import DeviceBusy, file_lock
from training import device_lock as device_locks
from training.device_lock import device_lock


def test_a_second_process_learns_who_holds_the_lock(tmp_path: Path):
    path = tmp_path / "gpu-0.lock"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with file_lock(path, Path("/runs/first"), what="the GPU"):
            os.write(writing, b"held")
            signal.pause()
    assert os.read(reading, 4) == b"held"
    try:
        with (
            pytest.raises(DeviceBusy, match=rf"^the GPU is in use by process {child} on .*, run /runs/first; "),
            file_lock(path, Path("/runs/second"), what="the GPU"),
        ):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    # The kernel let go of it, whatever the file says.
    with file_lock(path, Path("/runs/second"), what="the GPU"):
        pass


def test_everybody_may_hold_a_lock_and_nobody_is_led_elsewhere_by_it(tmp_path: Path):
    with file_lock(tmp_path / "lock", tmp_path, what="the GPU"):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o666
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="link"), file_lock(tmp_path / "link", tmp_path, what="the GPU"):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_cpu_is_for_all(tmp_path: Path):
    with device_lock(torch.device("cpu"), tmp_path, locks=tmp_path / "locks"):
        assert not (tmp_path / "locks").exists()


def test_a_gpu_is_held_under_its_own_name_in_a_folder_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # There need not be one on this machine; which file stands for it is what torch tells.
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: type("Gpu", (), {"uuid": f"ab/{index}"}))
    for _ in range(2):
        with device_lock(torch.device("cuda:1"), tmp_path, locks=tmp_path / "locks"):
            assert [path.name for path in (tmp_path / "locks").iterdir()] == ["gpu-ab_1.lock"]
            with pytest.raises(DeviceBusy, match=r"^the GPU gpu-ab_1 \(cuda:1\) is in use by process"):
                device_lock(torch.device("cuda:1"), tmp_path, locks=tmp_path / "locks").__enter__()
    assert (tmp_path / "locks").stat().st_mode & 0o7777 == 0o1777


def test_a_link_is_no_folder_of_locks(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match="the folder of device locks is no folder; name another one"):
        device_locks._shared(tmp_path / "link")


@pytest.mark.slow
def test_a_second_run_in_a_directory_is_turned_away_and_harms_nothing(tmp_path: Path, start_run, run_here, capsys):
    run, slow = tmp_path / "run", "seconds_per_step=0.05"
    started = start_run(run, slow)
    started.wait_for_step(3)
    assert run_here(run, slow) == 11
    assert f"the run directory {run} is in use by process {started.pid} on " in capsys.readouterr().err
    assert not (run / "result.json").exists()
    assert started.wait() == 0
