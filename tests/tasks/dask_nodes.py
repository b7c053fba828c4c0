"""A real Dask cluster on loopback: a scheduler and workers as processes, which a test may kill."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from storage.errors import named_disk_errors
from storage.receipts import Receipt
from tasks.ops.shard_building import DecodingGuard, ShardJob, build_shard
from tasks.runners import shard_runner
from tests.faults.bare_prepare import REPOSITORY, Build

Found = TypeVar("Found")

PATIENCE = 60.0
LOT = "tasks.ops.lot_process"
BUILDER = "popen_loky"


class Nodes:
    """The processes of a cluster; `scratch` is for what they write."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.workers: list[psutil.Popen] = []
        file = scratch / "scheduler.json"
        self.scheduler = self._started("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file)
        wait_for(lambda: file.exists() and file.stat().st_size > 0)
        self.address: str = json.loads(file.read_text())["address"]

    def have(self, count: int) -> None:
        """Start workers until so many live and have registered."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        registered = self._registered() + count - len(self.workers)
        while len(self.workers) < count:
            place = self._scratch / f"worker-{time.monotonic_ns()}"
            options = ("--host", "127.0.0.1", "--nthreads", "1", "--local-directory", place)
            self.workers.append(self._started("worker", self.address, *options))
        wait_for(lambda: self._registered() >= registered)

    def _registered(self) -> int:
        return (self._scratch / "log.txt").read_text().count("Starting worker compute stream")

    def close(self) -> None:
        """End all of it at once."""
        for process in (*self.workers, self.scheduler):
            kill_tree(process)

    def _started(self, kind: str, *options: object) -> psutil.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *map(str, options)]
        with (self._scratch / "log.txt").open("ab") as log:
            return psutil.Popen(command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


@contextmanager
def running_nodes(scratch: Path, *, workers: int) -> Iterator[Nodes]:
    """Start a cluster, and end it with the block."""
    nodes = Nodes(scratch)
    try:
        nodes.have(workers)
        yield nodes
    finally:
        nodes.close()


def kill_tree(process: psutil.Popen) -> None:
    """Kill a process with all below it, and bury it."""
    if process.poll() is None:
        for each in (*process.children(recursive=True), process):
            _kill(each)
        process.wait()


def kill_node(worker: psutil.Popen) -> None:
    """Kill what belongs to Dask of a worker and its nanny, and nothing of ours: the kernel has to do that."""
    below = worker.children(recursive=True)
    for each in (worker, *(process for process in below if "distributed" in _command(process) or is_dask(process))):
        _kill(each)
    worker.wait()


def is_dask(process: psutil.Process) -> bool:
    """Tell whether it is the child in which a nanny's worker runs."""
    return "multiprocessing" in _command(process)


def processes_below(worker: psutil.Process, kind: str) -> list[psutil.Process]:
    """Return the lot processes or the builders that run below a worker."""
    return [process for process in worker.children(recursive=True) if kind in _command(process)]


def are_gone(processes: Iterable[psutil.Process]) -> bool:
    """Wait for the end of processes that are not ours to bury; tell whether it came."""
    left = list(processes)
    deadline = time.monotonic() + PATIENCE / 4
    while left and time.monotonic() < deadline:
        left = [process for process in left if _is_alive(process)]
        time.sleep(0.02)
    return not left


def wait_for(look: Callable[[], Found | None]) -> Found:
    """Look until something is there, and return it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.002)
    return found


def on_nodes(address: str | None) -> Build:
    """Return what builds the shards of one run on a cluster."""

    def build(jobs: Iterable[ShardJob]) -> Iterator[Receipt]:
        found = list(jobs)
        with shard_runner(
            "dask",
            workers=2,
            scheduler=address,
            folder=found[0].folder,
            scratch=found[0].scratch,
            reads=(found[0].source,),
            libraries=found[0].parameters.libraries,
            images=sum(map(len, found)),
        ) as runner:
            yield from runner.build(found, work=build_shard)

    return build


def meet_a_full_disk(job: ShardJob, guard: DecodingGuard) -> Receipt:
    """What a builder does when the kernel has no room for it."""
    with named_disk_errors(job.folder.path, doing="a test filled it"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
