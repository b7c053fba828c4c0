"""Processes that hold lock files as a training does, and others that look at them as `imagemill status` does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]

HOLDER = """
import sys, time
from pathlib import Path
from tasks.ops.file_locks import file_lock
with file_lock(Path(sys.argv[1]), Path(sys.argv[2]), what="the GPU"):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""
LOOKER = """
import sys
from pathlib import Path
from tasks.ops.file_locks import lock_state
print("looking", flush=True)
while True:
    lock_state(Path(sys.argv[1]))
"""


@contextmanager
def holder(lock: Path, run: str = "/runs/first", *, seconds: float = 600) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds a lock for the run `run` for some seconds, or until it is ended."""
    with _process(HOLDER, str(lock), run, str(seconds)) as process:
        yield process


@contextmanager
def looker(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that looks at a lock without a pause."""
    with _process(LOOKER, str(lock)) as process:
        yield process


@contextmanager
def _process(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()
