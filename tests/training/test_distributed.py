"""Two processes with half of the rows each are one process with all of them, to the precision of a float."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.conftest import command, curve, outputs, result
from tests.training.warm_process import REPOSITORY

# Dropout would draw other numbers in each process.
SAME = ("dropout=0.0", "rows=104")


def ranks(size: int) -> list[dict[str, str]]:
    """Return what torchrun would tell each of `size` processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(size)}
    return [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(size)]


def halved(settings: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same settings for batches half as large, those that phases name too."""
    rates = '{start = 1e-3, end = 1e-2, annealing = "cosine"}'
    phases = (
        f"phases=[{{epochs = 1.5, learning_rate = {rates}, momentum = {{start = 0.95, end = 0.85}}}}, "
        "{epochs = 1.0, learning_rate = [1e-3, 1e-2], batch_size = %d, frozen = 1}]"
    )
    return (*settings, "batch_size=8", phases % 6)


def test_two_processes_learn_what_one_learns_from_batches_twice_as_large(tmp_path: Path, start_run, run_here):
    processes = [start_run(tmp_path / "two", *halved(SAME), **env) for env in ranks(2)]
    assert [process.wait() for process in processes] == [0, 0], processes[0].errors.read_text()
    assert run_here(tmp_path / "one", *SAME) == 0
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert len(one) == len(two)
    for left, right in zip(one, two, strict=True):
        for name in ("losses", "metrics"):
            assert right.get(name, {}) == pytest.approx(left.get(name, {}), rel=1e-4)
        assert (left["step"], left["epoch"], left["learning_rate" if "losses" in left else "kind"]) == (
            right["step"],
            right["epoch"],
            right["learning_rate" if "losses" in right else "kind"],
        )
    weights = [torch.load(tmp_path / run / "weights.pt", weights_only=True) for run in ("one", "two")]
    torch.testing.assert_close(weights[1], weights[0], rtol=1e-4, atol=1e-6)
    assert result(tmp_path / "two")["processes"] == 2


def test_processes_that_are_told_to_stop_stop_together_and_go_on_to_the_bit(tmp_path: Path, start_run, run_here):
    slow = ("dropout=0.3", "seconds_per_step=0.02")
    for stop in (True, False):
        processes = [start_run(tmp_path / "stopped", *slow, **env) for env in ranks(2)]
        if stop:
            processes[0].wait_for_step(3)
            # One of them alone is told.
            processes[1].send(signal.SIGTERM)
        assert {process.wait() for process in processes} == {75 if stop else 0}, processes[0].errors.read_text()
    processes = [start_run(tmp_path / "whole", *slow, **env) for env in ranks(2)]
    assert {process.wait() for process in processes} == {0}
    assert outputs(tmp_path / "stopped") == outputs(tmp_path / "whole")


def test_a_checkpoint_is_not_gone_on_from_by_another_number_of_processes(tmp_path: Path, start_run, run_here, capsys):
    processes = [start_run(tmp_path / "run", **env) for env in ranks(2)]
    assert {process.wait() for process in processes} == {0}
    (tmp_path / "run" / "result.json").unlink()
    assert run_here(tmp_path / "run") == 2
    assert "it was written by 2 processes, and now there are 1" in capsys.readouterr().err


@pytest.mark.slow
def test_torchrun_starts_it(tmp_path: Path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*torchrun, "-m", "training", *command(tmp_path / "run", "rows=40")],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
        timeout=300,
    )
    assert result(tmp_path / "run")["processes"] == 2
