"""Runs one command and notes what it cost: `python -m benchmarks.reaper RESULT COMMAND…`.

A process of its own, so that the kernel's sum over reaped children is that of this command alone. Prefect's
temporary server may outlive the flow that started it: as a subreaper this process inherits and awaits it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h."""
ORPHAN_SECONDS = 120
"""A process that is still there so long after the command ended makes the measurement fail."""


def main() -> int:
    result, *command = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refused PR_SET_CHILD_SUBREAPER")
    started = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    wall_seconds = time.monotonic() - started
    signal.alarm(ORPHAN_SECONDS)
    await_orphans()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    Path(result).write_text(json.dumps({"cpu_seconds": usage.ru_utime + usage.ru_stime, "wall_seconds": wall_seconds}))
    return code


def await_orphans() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.exit(main())
