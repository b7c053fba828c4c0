"""Runs with the real pool of workers: killed from outside, or behind the shim of syscalls.c, which they all share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.faults.bare_prepare import BareJob, run_bare
from tests.faults.c_shims import preloaded
from tests.faults.fork_server import STATE, Ended, Fault, met_in

RUN_SECONDS = 120
"""A run that takes longer hangs: fifty times what these take on a quiet machine."""
DYING_SECONDS = 15
POLL_SECONDS = 0.005


def pool_run(job: BareJob, fault: Fault | None = None) -> Ended:
    """Prepare `job` with its workers, all behind the shim, wait for all of them to end, and tell how it went."""
    fault = fault or Fault()
    with tempfile.NamedTemporaryFile() as state:
        state.write(bytes(STATE.size))
        state.flush()
        armed = preloaded(
            "syscalls",
            SYSCALLS_ROOT=job.root,
            SYSCALLS_STATE=state.name,
            SYSCALLS_AT=str(fault.at),
            SYSCALLS_ACTION=str(int(fault.action)),
            SYSCALLS_ERRNO=str(fault.errno),
        )
        code, told = ended(run_bare(job, armed))
        calls, met = met_in(Path(state.name).read_bytes())
    return Ended(code, told, calls, met)


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Wait for the end of a run and of all its workers; return its exit code and what it told."""
    output, errors = process.communicate(timeout=RUN_SECONDS)
    deadline = time.monotonic() + DYING_SECONDS
    while alive := list(alive_in_session(process.pid)):
        assert time.monotonic() < deadline, f"{alive} outlived their run"
        time.sleep(POLL_SECONDS)
    told = json.loads(output) if output.startswith("{") else {"error": "", "message": errors[-2000:]}
    return process.returncode, told


def alive_in_session(leader: int) -> Iterator[psutil.Process]:
    """Yield the processes of the session that `leader` began, but for those that only wait to be reaped."""
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def killed(process: subprocess.Popen[str]) -> bool:
    """Kill a run, but not its workers, which must die with it; tell whether it was still at work."""
    process.kill()
    return ended(process)[0] == -signal.SIGKILL
