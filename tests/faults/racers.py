"""Runs that begin at the moment they are told to: forked off a process that has imported everything already.

So a race is one between runs, not between imports, and hundreds of races take minutes. The forking process is this
module run as a script; `Racers` is its other end. Nothing that it starts outlives it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from flows.exit_codes import exit_code_of
from storage.array_formats import array_format
from storage.errors import DatasetError
from storage.receipts import Receipt
from tasks.ops.parent_death import end_with_parent
from tasks.ops.shard_building import ShardJob, build_shard
from tasks.ops.shard_pool import build_shards
from tests.faults.bare_prepare import REPOSITORY, BareJob, build_here, prepare

PATIENCE = 120
"""Seconds after which a run that has not ended is killed, and counts as one that hung."""


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, the seconds that it took from its start (imports apart), and what it said."""

    pid: int
    code: int
    seconds: float
    said: dict[str, str | int]

    @property
    def status(self) -> str:
        """Return "published", "unchanged", the name of the error, or "" for a run that was killed."""
        return str(self.said.get("status") or self.said.get("error") or "")


class Racers:
    """Starts runs in processes forked off one that waits; a context manager."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.racers"],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._begun: dict[int, float] = {}
        self._ended: dict[int, Ended] = {}
        self._next("ready")

    def __enter__(self) -> Racers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The kernel kills the runs that are left with the process that they came from, stopped ones too.
        self._process.kill()
        self._process.communicate()

    def start(self, job: BareJob, *, delay: float = 0.0, in_pool: bool = False, stop_before: str = "") -> int:
        """Let a run of `job` begin in `delay` seconds; return its process.

        It builds shards by itself or, as the flow does, in a pool. `stop_before` is for the shim of that name.
        """
        assert self._process.stdin is not None
        begun = time.monotonic() + delay
        order = {"job": asdict(job), "delay": delay, "in_pool": in_pool, "stop_before": stop_before}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        pid = self._next("forked")["pid"]
        self._begun[pid] = begun
        return pid

    def ended(self, pid: int) -> Ended:
        """Wait for the end of a run."""
        while pid not in self._ended:
            self._next("ended")
        return self._ended.pop(pid)

    def _next(self, wanted: str) -> dict[str, Any]:
        """Take in what is told until it is something `wanted`, and return that."""
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline()
            assert line, "the process that forks the runs has died"
            told = json.loads(line)
            if told["event"] == "ended":
                seconds = time.monotonic() - self._begun.pop(told["pid"])
                self._ended[told["pid"]] = Ended(told["pid"], told["code"], seconds, told["said"])
            if told["event"] == wanted:
                return told


def stop(process: int) -> None:
    """Stop a process, unless it has ended."""
    if state(process) not in "ZX":
        os.kill(process, signal.SIGSTOP)


def wait_until_stopped(process: int) -> bool:
    """Wait until a process is stopped; return False if it ended instead."""
    while (now := state(process)) != "T":
        if now in "ZX":
            return False
        time.sleep(0.002)
    return True


def state(process: int) -> str:
    """Return the state of a process as the kernel has it: T is stopped, Z and X have ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def main() -> None:
    """Fork a run for each line on the standard input, and tell on the standard output how each one ends."""
    # What a run says comes through a pipe of its own, which closes when it dies, whatever it dies of.
    runs: dict[int, int] = {}
    for name in ("hdf5", "bcolz"):
        # Imported once, here, and not by each run.
        array_format(name)
    _tell("ready")
    while True:
        for ready in select.select([0, *runs], [], [])[0]:
            if ready in runs:
                with open(ready, "rb") as said:
                    words = said.read()
                pid = runs.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                _tell("ended", pid=pid, code=code, said=json.loads(words or "{}"))
            elif line := sys.stdin.readline():
                pid, words = _forked(json.loads(line))
                runs[words] = pid
                _tell("forked", pid=pid)
            else:
                return


def _tell(event: str, **told: object) -> None:
    print(json.dumps({"event": event, **told}), flush=True)


def _forked(order: dict[str, Any]) -> tuple[int, int]:
    """Return the process of a run, and the descriptor from which what it says is read."""
    parent, (reading, writing) = os.getpid(), os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code: int = 1
    try:
        end_with_parent(parent, signal.SIGKILL)
        signal.alarm(PATIENCE)
        said, code = _run(order)
        os.write(writing, json.dumps(said).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def in_pool(jobs: Iterable[ShardJob]) -> Iterable[Receipt]:
    """Build shards in two processes."""
    return build_shards(jobs, workers=2, work=build_shard)


def _run(order: dict[str, Any]) -> tuple[dict[str, object], int]:
    os.environ["STOP_BEFORE"] = order["stop_before"]
    job = BareJob(**order["job"] | {"sides": tuple(order["job"]["sides"])})
    build = in_pool if order["in_pool"] else build_here
    time.sleep(order["delay"])
    try:
        return prepare(job, build=build), 0
    except (DatasetError, OSError, ValueError) as error:
        return {"error": type(error).__name__, "message": str(error)}, exit_code_of(error) or 1


if __name__ == "__main__":
    main()
