"""Keeps a process that reads hostile datasets, and starts another when one hangs or dies."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

REPOSITORY = Path(__file__).parents[2]
ACTION_SECONDS = 30
"""Nothing that is asked for takes a hundredth of this on a quiet machine."""

Told = dict[str, Any]


class ReaderSession:
    """A warm process of tests.faults.hostile_reader; a context manager."""

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd
        self._process = self._started()

    def __enter__(self) -> ReaderSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def told(self, action: str, **folders: Path) -> Told:
        """Do one action; return what came of it, also where it took the process along."""
        assert self._process.stdin is not None
        task = {"action": action, **{name: str(folder) for name, folder in folders.items()}}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._line()
        if line:
            return json.loads(line)
        code = None if line is None else self._process.wait()
        self._end()
        self._process = self._started()
        error = f"nothing came of it in {ACTION_SECONDS} s" if code is None else f"the process ended with {code}"
        return {"error": "Dead", "family": [], "message": error, "violations": [], "grown": 0}

    def _line(self) -> str | None:
        """Return the next line, "" at the end of the output, None where nothing came in time."""
        output = self._process.stdout
        assert output is not None
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            return output.readline() if selector.select(ACTION_SECONDS) else None

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.hostile_reader"],
            cwd=self._cwd,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            start_new_session=True,
        )

    def _end(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()
