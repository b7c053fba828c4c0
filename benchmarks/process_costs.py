"""What a command costs: CPU seconds of all its processes, and the memory of the whole tree at its peak."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.provenance import ROOT

SAMPLE_SECONDS = 0.1
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
_SERVER = (b"flows.server_process", b"prefect.server", b"uvicorn")
_OUR_SETTINGS = ("PREFECT_", "IMAGEMILL_")


class CommandFailed(RuntimeError):
    """A measured command did not end with 0, so its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU and wall seconds of one command, peak PSS in bytes without and of Prefect's server, and its output."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    server_peak_bytes: int
    output: str


@dataclass(slots=True)
class _Peak:
    ours: int = 0
    server: int = 0

    def raise_to(self, processes: Iterable[psutil.Process]) -> None:
        """Add up the memory of `processes`, and keep the sums if they are the largest so far."""
        sums = {False: 0, True: 0}
        for process in processes:
            sums[is_server(process.pid)] += pss_bytes(process.pid)
        self.ours, self.server = max(self.ours, sums[False]), max(self.server, sums[True])


def measured(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run `command` in the repository's root and return what it and all its descendants cost.

    Settings of Prefect and ours are those in `environment` alone, never the caller's.

    Raises:
        CommandFailed: it did not end with 0.
    """
    peak = _Peak()
    with tempfile.TemporaryDirectory() as folder:
        result, output, errors = (Path(folder, name) for name in ("result.json", "output", "errors"))
        with output.open("wb") as out, errors.open("wb") as err:
            reaper = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.reaper", str(result), *command],
                cwd=ROOT,
                env={**_inherited(), **(environment or {})},
                stdout=out,
                stderr=err,
            )
            _watch(reaper, peak)
        if reaper.returncode:
            raise CommandFailed(f"{' '.join(command)} ended with {reaper.returncode}: {errors.read_text()[-2000:]}")
        found = json.loads(result.read_text())
        return Cost(found["cpu_seconds"], found["wall_seconds"], peak.ours, peak.server, output.read_text())


def pss_bytes(pid: int) -> int:
    """Return the proportional set size of a process, 0 where it is gone."""
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def _watch(reaper: subprocess.Popen[bytes], peak: _Peak) -> None:
    """Sample the memory of everything below `reaper` until it ends."""
    tree = psutil.Process(reaper.pid)
    while True:
        try:
            reaper.wait(SAMPLE_SECONDS)
            return
        except subprocess.TimeoutExpired:
            peak.raise_to(tree.children(recursive=True))


def is_server(pid: int) -> bool:
    """Tell whether a process is Prefect's server."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return any(name in command for name in _SERVER)


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OUR_SETTINGS)}
