"""Starts `python -m training` as a process of its own, and learns how it ended. The one who starts it has no torch.

It has a process group of its own: Ctrl-C at a terminal reaches only the one who started it, who asks it to stop.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from tasks.ops.parent_death import bound_command

logger = logging.getLogger(__name__)

STOP_SECONDS = 600.0
"""How long a run that was asked to stop may take for its step and its checkpoint."""
PATIENCE_SECONDS = 1.0
"""What ends sooner needs no word about waiting."""

_TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node")


class TrainingFailed(Exception):
    """The training process failed; the message says why, `exit_code` is the one that the command should have."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class TrainingPreempted(Exception):
    """The training process was stopped by somebody else, after a checkpoint: the same command goes on."""


class TrainingProcess:
    """A process, or with torchrun several, that were started together; what it wrote is in two open files."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes], errors: IO[bytes]) -> None:
        self._process, self._output, self._errors = process, output, errors
        self.pid = process.pid

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the exit code, minus a signal's number if one ended it; None if it has not ended in that time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def output(self) -> bytes:
        """Return all that it wrote to standard output."""
        self._output.seek(0)
        return self._output.read()

    def last_words(self) -> str:
        """Return the last line that it wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def stop(self) -> None:
        """Ask for a checkpoint and the end, and wait for it; a second interruption ends it at once."""
        give_up = time.monotonic() + STOP_SECONDS
        try:
            self._send(signal.SIGTERM)
            if self.wait(PATIENCE_SECONDS) is None:
                logger.warning("waiting until the training process has written a checkpoint; Ctrl-C again ends it now")
            while self.wait(1.0) is None and time.monotonic() < give_up:
                continue
        finally:
            # Before it is waited for: the number of a group that is gone may be another's.
            if self.wait(0) is None:
                self._send(signal.SIGKILL)
                self._process.wait()

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


@contextmanager
def training_process(arguments: Sequence[str], *, processes: int = 1) -> Iterator[TrainingProcess]:
    """Start `python -m training` with these arguments; if the block is left while it runs, it is stopped.

    With more than one of `processes` it is started by torchrun, on this machine.
    """
    launcher = ("training",) if processes == 1 else (*_TORCHRUN, str(processes), "-m", "training")
    command = bound_command([sys.executable, "-m", *launcher, *arguments])
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = subprocess.Popen(command, stdout=output, stderr=errors, process_group=0)
        process = TrainingProcess(started, output, errors)
        try:
            yield process
        finally:
            if started.poll() is None:
                process.stop()
