"""Keeps processes alive until it is told to stop, and leaves none behind, whichever way one of them ends."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tasks.ops.parent_death import bound_command

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
STOP_SECONDS = 600.0
"""How long what was asked to stop may take: a training process writes a checkpoint first."""
PATIENCE_SECONDS = 3.0
"""What ends sooner needs no word about waiting."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a process that ended is started again; twice as many each time it ends soon."""
SOON_SECONDS = 60.0

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(slots=True)
class Supervised:
    """A process that is to be kept alive: how it is started, and since when it runs."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0

    def start(self) -> None:
        """Start it, in a group of its own: Ctrl-C at the terminal is for the one who supervises."""
        self.process = subprocess.Popen(bound_command(self.command), env=self.environment, process_group=0)
        self.started = time.monotonic()

    @property
    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def schedule(self, now: float) -> None:
        """Say when it is started again: the sooner it ended, the later."""
        self.pause = min(self.pause * 2, LONGEST_PAUSE) if now - self.started < SOON_SECONDS else FIRST_PAUSE
        self.due = now + self.pause


class Supervisor:
    """Starts processes, and starts again what ends. What they leave behind when they die becomes its own child."""

    def __init__(self, on_event: Callable[[str], None]) -> None:
        self._kept: list[Supervised] = []
        self._on_event = on_event
        self._is_stopping = False
        # What a process that died had started is otherwise given to init, where nobody waits for it.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def keep(self, kept: Supervised) -> None:
        """Start a process and keep it alive."""
        kept.start()
        self._kept.append(kept)

    def ask_to_stop(self) -> None:
        """Have `run` return; safe to call from a signal handler."""
        self._is_stopping = True

    def run(self, seconds: float | None = None) -> bool:
        """Watch over the processes until `ask_to_stop` was called, or for so long; tell whether to go on."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self._is_stopping and (end is None or time.monotonic() < end):
            self._look()
            time.sleep(POLL_SECONDS)
        return not self._is_stopping

    def stop(self) -> None:
        """Stop the processes, the last that was started first, each with all that it has started."""
        for kept in reversed(self._kept):
            if kept.process is not None and not kept.has_ended:
                # A worker of Prefect's kills its runs when it ends, before they can write a checkpoint and say so.
                self._end(psutil.Process(kept.process.pid).children())
                self._end([psutil.Process(kept.process.pid)])
                kept.process.wait()
            # What was bound to one that died was told to stop by the kernel.
            self._end(self._orphans())

    def _look(self) -> None:
        now, orphans = time.monotonic(), self._orphans()
        for kept in self._kept:
            if not kept.has_ended:
                continue
            if kept.process is not None:
                self._on_event(f"{kept.name} ended ({_ending(kept.process.returncode)}) and is started again")
                kept.process = None
                kept.schedule(now)
            # Not beside what the dead one left, which stops by itself: two runs would share a GPU.
            elif now >= kept.due and not orphans:
                kept.start()

    def _end(self, processes: list[psutil.Process]) -> None:
        """Ask processes to end, and wait until they have; those that take too long are killed."""
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        begun, is_told = time.monotonic(), False
        while living := [process for process in processes if _lives(process)]:
            waited = time.monotonic() - begun
            if waited > PATIENCE_SECONDS and not is_told:
                is_told = True
                self._on_event(f"waiting until {len(living)} runs have stopped; training writes a checkpoint first")
            if waited > STOP_SECONDS:
                for process in living:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
            time.sleep(POLL_SECONDS / 5)

    def _orphans(self) -> list[psutil.Process]:
        """Return what processes that died have left behind, without those that have ended by now."""
        own = {kept.process.pid for kept in self._kept if kept.process is not None}
        living = []
        for child in psutil.Process().children():
            if child.pid in own:
                continue
            with suppress(ChildProcessError):
                ended, _ = os.waitpid(child.pid, os.WNOHANG)
                if not ended:
                    living.append(child)
        return living


def _lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended; who has not been waited for by its parent has ended as well."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
