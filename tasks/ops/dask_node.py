"""What a Dask worker does with a lot: starts a process for it, and ends that when nobody wants the lot any more."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from storage.durable import remove
from storage.errors import ShardCrashed
from storage.owners import owner_name
from tasks.ops.parent_death import bound_command

WATCH_SECONDS = 0.2
STOP_SECONDS = 10.0
"""How long a lot that nobody wants any more may take to clear up."""


def build_lot_here(order: bytes, scratch: str, key: str | None) -> bytes:
    """Have a process build the lot of `order`, as `tasks.ops.lot_orders` packs it; return its answer.

    With a `key`, that of the Dask task which this is, the lot ends when the task is cancelled or the worker closes.

    Raises:
        ShardCrashed: the process died.
        distributed.Reschedule: the lot was given up here.
    """
    own = Path(scratch, owner_name())
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
        given.write(order)
        given.seek(0)
        # The kernel ends it with the thread that starts it here, which waits for it.
        command = bound_command([sys.executable, "-m", "tasks.ops.lot_process", str(own)])
        process = subprocess.Popen(command, stdin=given, stdout=answer, process_group=0)
        try:
            code = _ended(process, key)
        finally:
            _stop(process)
            remove(own)
        if code != 0:
            raise ShardCrashed(
                f"the process that built a lot on the node {socket.gethostname()} died ({_cause(code)}): look there "
                "for too little memory and at what its Dask worker wrote, then run again"
            )
        answer.seek(0)
        return answer.read()


async def look_around(order: bytes, scratch: str) -> bytes:
    """Fill an order without jobs, which compares this node with what the run needs; Dask's own thread goes on."""
    return await asyncio.to_thread(build_lot_here, order, scratch, None)


def _ended(process: subprocess.Popen[bytes], key: str | None) -> int:
    while True:
        try:
            return process.wait(WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            if key is not None and not _is_wanted(key):
                # It exists on nodes alone: whoever sends lots to them has it installed.
                from distributed import Reschedule

                raise Reschedule(key) from None


def _is_wanted(key: str) -> bool:
    """Tell whether this worker goes on, and the scheduler has not cancelled the task in the meantime.

    Dask cannot stop a thread, and its documented ways to ask take a connection for each look.
    """
    from distributed import Status, get_worker

    worker = get_worker()
    task = worker.state.tasks.get(key)
    is_closing = worker.status in (Status.closing, Status.closed, Status.failed)
    return not is_closing and task is not None and task.state in ("executing", "long-running")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
