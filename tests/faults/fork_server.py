"""Runs `bare_prepare.prepare` thousands of times behind the shim of syscalls.c, each time in a fresh process.

A server that has imported everything once forks for each trial, so that a trial costs a few hundredths of a second,
and a crash of the trial harms nothing. Shards are built by the trial's own process.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.faults.bare_prepare import REPOSITORY, BareJob, prepare
from tests.faults.c_shims import compiled_shim, preloaded

STATE = struct.Struct("ll496s")
"""As in syscalls.c: calls so far, whether the fault was met, and at which call."""


class Action(IntEnum):
    """What the shim does at a call, numbered as in syscalls.c."""

    NONE = 0
    KILL = 1
    KILL_LEADER = 2
    ERROR = 3
    ERROR_FROM_THEN_ON = 4
    SHORT_WRITE = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the call numbered `at`; the first is 1."""

    action: Action = Action.NONE
    at: int = 0
    errno: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended: exit code or minus the signal, what it told, its number of calls, and which met the fault."""

    code: int
    told: dict[str, Any]
    calls: int
    met: str


class ForkServer:
    """A warm process that forks for each trial; a context manager."""

    def __enter__(self) -> ForkServer:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fork_server"],
            cwd=REPOSITORY,
            env=preloaded("syscalls", OMP_NUM_THREADS="1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def trial(self, job: BareJob, fault: Fault | None = None, *, log: Path | None = None) -> Ended:
        """Prepare `job` in a process of its own; `log` is appended to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"job": asdict(job), "fault": asdict(fault or Fault()), "log": str(log) if log else None}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the fork server is gone"
        return Ended(**json.loads(answer))


def met_in(state: bytes) -> tuple[int, str]:
    """Return how many calls were counted, and which met the fault, "" if none did."""
    calls, met, what = STATE.unpack_from(state)
    return calls, what.rstrip(b"\0").decode(errors="replace") if met else ""


# ---- The server's side


def serve() -> None:
    """Answer each line of standard input, a trial, with a line."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    shim = ctypes.CDLL(str(compiled_shim("syscalls")))
    is_warm = False
    for line in sys.stdin:
        request = json.loads(line)
        job = BareJob(**request["job"] | {"sides": tuple(request["job"]["sides"])})
        if not is_warm:
            _warm_up(job)
            is_warm = True
        print(json.dumps(asdict(_forked(shim, job, Fault(**request["fault"]), request["log"]))), flush=True)


def _warm_up(job: BareJob) -> None:
    """Import what is imported late; half of a trial's time would go there."""
    for array_format in ("hdf5", "bcolz"):
        with tempfile.TemporaryDirectory() as root:
            prepare(replace(job, root=root, array_format=array_format))


def _forked(shim: ctypes.CDLL, job: BareJob, fault: Fault, log: str | None) -> Ended:
    state = mmap.mmap(-1, mmap.PAGESIZE)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            _arm(shim, job, fault, log, state)
            told = _told(job)
            with open(writing, "w", encoding="utf-8") as pipe:
                pipe.write(json.dumps(told))
            code = int(told.get("exit_code", 0))
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        output = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    calls, met = met_in(state[:])
    return Ended(code, json.loads(output) if output else {}, calls, met)


def _arm(shim: ctypes.CDLL, job: BareJob, fault: Fault, log: str | None, state: mmap.mmap) -> None:
    if log is not None:
        shim.syscalls_record(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
    shared = ctypes.addressof(ctypes.c_char.from_buffer(state))
    shim.syscalls_arm(
        job.root.encode(), ctypes.c_long(fault.at), int(fault.action), fault.errno, ctypes.c_void_p(shared)
    )


def _told(job: BareJob) -> dict[str, Any]:
    from flows.exit_codes import exit_code_of

    try:
        return prepare(job)
    except Exception as error:
        code = exit_code_of(error)
        told: dict[str, Any] = {"error": type(error).__name__, "message": str(error), "exit_code": code or 1}
        return told if code is not None else told | {"traceback": traceback.format_exc()}


if __name__ == "__main__":
    serve()
