"""The training process ends with whoever started it, in a group of its own, and its last words are heard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.ops.parent_death import bound_command
from tasks.ops.training_commands import TrainingOrder, described
from tasks.ops.training_process import TrainingFailed, TrainingProcess, training_process

REPOSITORY = Path(__file__).parents[3]

PARENT = """
import subprocess, sys, time
from tasks.ops.parent_death import bound_command
child = subprocess.Popen(bound_command(["sleep", "600"]), process_group=0)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_what_is_bound_ends_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    give_up = time.monotonic() + 30
    while child.name() != "sleep":
        assert time.monotonic() < give_up
        time.sleep(0.01)
    parent.kill()
    parent.communicate()
    assert psutil.wait_procs([child], timeout=10)[1] == []


def test_what_is_bound_to_a_parent_that_is_gone_does_not_begin():
    command = bound_command(["true"])
    command[3] = "1"
    assert subprocess.run(command, check=False).returncode == 1


def test_what_is_bound_is_the_command_itself():
    done = subprocess.run(bound_command(["sh", "-c", "exit 7"]), check=False)
    assert done.returncode == 7


def test_a_block_that_is_left_early_ends_the_process_and_its_group():
    def interrupted() -> Iterator[TrainingProcess]:
        with training_process(["describe", "tests.training.digits_recipe"]) as process:
            yield process
            raise KeyboardInterrupt

    block = interrupted()
    process = next(block)
    assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    with pytest.raises(KeyboardInterrupt):
        next(block)
    assert process.wait(0) == -signal.SIGTERM
    assert not psutil.pid_exists(process.pid)


def test_its_last_words_and_exit_code_are_those_of_the_failure(tmp_path: Path):
    order = TrainingOrder("superres-9", None, (), tmp_path, tmp_path)
    with pytest.raises(TrainingFailed, match=r"^there is no recipe 'superres-9'; there are: ") as raised:
        described(order)
    assert raised.value.exit_code == 2
