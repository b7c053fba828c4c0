"""One builder for a dataset at a time. It only saves work: correctness never rests on a lock."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from storage.errors import DamagedDataset, DatasetLocked
from storage.layout import DatasetFolder
from storage.plain_files import read_file

logger = logging.getLogger(__name__)

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


def has_ended(holder: Holder) -> bool:
    """Tell whether a holder is known to have ended; of another machine, or of one before a reboot, nothing is known."""
    is_here = (holder.host, holder.boot) == (socket.gethostname(), boot_id())
    return is_here and not Path("/proc", str(holder.pid)).exists()


@contextmanager
def dataset_lock(folder: DatasetFolder) -> Iterator[None]:
    """Hold the dataset for building; the kernel lets go when the process dies.

    Raises:
        DatasetLocked: another process holds it.
    """
    descriptor = _opened(folder.lock)
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


def builder_of(folder: DatasetFolder) -> Holder | None:
    """Return who took the lock of a dataset last, None where that process is known to have ended. Nothing is locked.

    Of a process that lives on, on this machine or another, it cannot be told whether it has let go.
    """
    try:
        return _living(read_file(folder.lock))
    except (FileNotFoundError, PermissionError, DamagedDataset) as error:
        logger.debug("who builds %s cannot be told: %s", folder.path, error)
        return None


def _opened(path: Path) -> int:
    """Open the lock file: never through a link, and never a pipe, which could be anybody's."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _no_lock_file(path) from error
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _no_lock_file(path)


def _no_lock_file(path: Path) -> DamagedDataset:
    return DamagedDataset(
        f"{path} is not a plain file, and imagemill did not make it", path=path, remedy="look at it, and remove it"
    )


def _holder_text(descriptor: int, *, give_up: float) -> str:
    """Describe who holds the lock; wait a little for one that took it just now, and has not noted who it is."""
    while (holder := _noted(descriptor)) is None:
        if time.monotonic() > give_up:
            return "another process that has just started"
        time.sleep(0.01)
    return f"process {holder.pid} on {holder.host} since {holder.since}"


def _noted(descriptor: int) -> Holder | None:
    """Return what the lock file says, None if it says nothing or names a former holder, which has ended."""
    return _living(os.pread(descriptor, 4096, 0))


def _living(note: bytes) -> Holder | None:
    try:
        holder = msgspec.json.decode(note, type=Holder)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return None if has_ended(holder) else holder
