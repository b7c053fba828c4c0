"""The supervisor: what ends is started again, and what it stops takes along what it had started. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

SUPERVISES = """
import signal, sys
from flows.supervision import Supervised, Supervisor
supervisor = Supervisor(lambda line: print(line, flush=True))
signal.signal(signal.SIGTERM, lambda *_: supervisor.ask_to_stop())
supervisor.keep(Supervised("the parent", [sys.executable, "-c", sys.argv[1]], {**__import__("os").environ}))
try:
    supervisor.run()
finally:
    supervisor.stop()
"""
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", os.environ["CHILD"]])
time.sleep(600)
"""
SLOW_TO_END = """
import os, pathlib, signal, sys, time
from tasks.ops.parent_death import end_with_parent
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
end_with_parent(os.getppid(), signal.SIGTERM)
place = pathlib.Path(os.environ["PLACE"])
(place / f"began-{os.getpid()}").touch()
while not ended:
    time.sleep(0.02)
time.sleep(1)
(place / f"ended-{os.getpid()}").touch()
"""


def supervisor_of(place: Path) -> subprocess.Popen[bytes]:
    """Start a supervisor of a parent that has one child; what it tells is in a file."""
    environment = os.environ | {"CHILD": SLOW_TO_END, "PLACE": str(place)}
    command = [sys.executable, "-c", SUPERVISES, PARENT]
    with (place / "told").open("wb") as told:
        return subprocess.Popen(command, env=environment, stdout=told, start_new_session=True)


def wait_for(found: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not found():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def numbers(place: Path, what: str) -> list[int]:
    return sorted(int(path.name.partition("-")[2]) for path in place.glob(f"{what}-*"))


def test_what_is_stopped_has_its_children_end_first(tmp_path: Path):
    running = supervisor_of(tmp_path)
    wait_for(lambda: bool(numbers(tmp_path, "began")))
    running.terminate()
    assert running.wait(60) == 0
    assert numbers(tmp_path, "ended") == numbers(tmp_path, "began")


def test_what_is_killed_is_started_again_when_its_child_has_ended(tmp_path: Path):
    running = supervisor_of(tmp_path)
    wait_for(lambda: bool(numbers(tmp_path, "began")))
    (parent,) = psutil.Process(running.pid).children()
    parent.kill()
    wait_for(lambda: len(numbers(tmp_path, "began")) == 2)
    (second,) = psutil.Process(running.pid).children()
    assert second.pid != parent.pid
    # The first child had ended before the second began: never two at a time.
    (first,) = numbers(tmp_path, "ended")
    began = max(path.stat().st_mtime_ns for path in tmp_path.glob("began-*"))
    assert (tmp_path / f"ended-{first}").stat().st_mtime_ns < began
    running.terminate()
    assert running.wait(60) == 0
    assert "the parent ended (signal SIGKILL) and is started again" in (tmp_path / "told").read_text()


def test_nothing_lives_on_when_the_supervisor_itself_is_killed(tmp_path: Path):
    running = supervisor_of(tmp_path)
    wait_for(lambda: bool(numbers(tmp_path, "began")))
    below = psutil.Process(running.pid).children(recursive=True)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(60)
    _, living = psutil.wait_procs(below, 60)
    assert not living
    assert numbers(tmp_path, "ended") == numbers(tmp_path, "began")
