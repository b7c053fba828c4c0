"""One builder for a dataset at a time. It only saves work: correctness never rests on a lock."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from storage.errors import DatasetLocked
from storage.layout import DatasetFolder

NOTE_SECONDS = 0.5
"""How long a run that is turned away waits for the holder to note who it is."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock; `boot` tells a process of today from one with its number before a reboot."""

    host: str
    pid: int
    boot: str
    since: str


def this_process() -> Holder:
    """Describe the running process as a holder."""
    return Holder(socket.gethostname(), os.getpid(), boot_id(), datetime.now(UTC).isoformat(timespec="seconds"))


def boot_id() -> str:
    """Return the kernel's identifier of the current boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@contextmanager
def dataset_lock(folder: DatasetFolder) -> Iterator[None]:
    """Hold the dataset for building; the kernel lets go when the process dies.

    Raises:
        DatasetLocked: another process holds it.
    """
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder_text(descriptor, give_up=time.monotonic() + NOTE_SECONDS)
            raise DatasetLocked(
                f"{folder.path} is being built by {holder}",
                path=folder.path,
                have=holder,
                remedy="wait until it ends, or stop it: what it finished is kept",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(this_process()), 0)
        yield
    finally:
        os.close(descriptor)


def _holder_text(descriptor: int, *, give_up: float) -> str:
    """Describe who holds the lock; wait a little for one that took it just now, and has not noted who it is."""
    while (holder := _noted(descriptor)) is None:
        if time.monotonic() > give_up:
            return "another process that has just started"
        time.sleep(0.01)
    return f"process {holder.pid} on {holder.host} since {holder.since}"


def _noted(descriptor: int) -> Holder | None:
    """Return what the lock file says, None if it says nothing or names a former holder, which has ended."""
    try:
        holder = msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    is_here = (holder.host, holder.boot) == (socket.gethostname(), boot_id())
    return None if is_here and not Path("/proc", str(holder.pid)).exists() else holder
