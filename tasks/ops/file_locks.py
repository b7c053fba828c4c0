"""Locks on files that tell who holds them: a GPU, a run directory. The kernel lets go when the process dies.

Whether one is held, `lock_state` finds out by a shared lock that it lets go of at once, and not by /proc/locks: that
list leaves out other containers and other machines, which may share the file, and its inodes are not always those of
stat. A run that starts at that very moment finds the lock taken, so `file_lock` believes it only after
`GLANCE_SECONDS`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from storage.errors import DamagedDataset
from storage.json_text import NotDecoded, decoded
from storage.locking import Holder, has_ended, this_process
from storage.plain_files import open_plain

logger = logging.getLogger(__name__)

GLANCE_SECONDS = 0.5
"""How long a lock has to be found taken before it counts: one that was only looked at is free by then."""
GLANCE_POLL_SECONDS = 0.01
POLL_SECONDS = 0.5

_MOST_BYTES = 1 << 14


class DeviceBusy(RuntimeError):
    """Another process holds the device or the run directory; the message says which."""


class WaitStopped(RuntimeError):
    """The run was told to stop while it waited for a lock."""


@dataclass(frozen=True, slots=True)
class LockNote:
    """What a lock file tells to those who find it held: by whom, and for the run in which folder."""

    holder: Holder
    run: str


@dataclass(frozen=True, slots=True)
class LockState:
    """Whether a lock is held, and the note in its file: of the holder, or of the last one; None if it tells nothing."""

    is_held: bool
    note: LockNote | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How a run waits for a lock that another holds: until `give_up`, by `time.monotonic`, unless it is stopped.

    `tell` gets one sentence when the waiting begins.
    """

    give_up: float = 0.0
    is_stopped: Callable[[], bool] = lambda: False
    tell: Callable[[str], None] = logger.info


AT_ONCE = Patience()
"""Who has none is refused at once."""


@contextmanager
def file_lock(path: Path, run: Path, *, what: str, patience: Patience = AT_ONCE) -> Iterator[None]:
    """Hold a lock file for the run in the folder `run`; `what` is what it stands for.

    Raises:
        DeviceBusy: another process holds it, and patience is at its end.
        WaitStopped: the run was told to stop while it waited.
    """
    descriptor = _opened(path)
    try:
        _take(descriptor, path, what=what, patience=patience)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(LockNote(this_process(), str(run.absolute()))), 0)
        yield
    finally:
        os.close(descriptor)


def lock_state(path: Path) -> LockState | None:
    """Return whether a lock is held, and by whom; None where there is none, or no plain file that may be read."""
    try:
        descriptor = open_plain(path)
    except FileNotFoundError:
        return None
    except (DamagedDataset, PermissionError) as error:
        logger.warning("a lock is passed over: %s", error)
        return None
    try:
        is_held = not _is_taken(descriptor, fcntl.LOCK_SH)
        # Before anything is read: a run may want it.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return LockState(is_held, _noted(descriptor))
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, *, what: str, patience: Patience) -> None:
    glanced = time.monotonic() + GLANCE_SECONDS
    is_told = False
    while not _is_taken(descriptor, fcntl.LOCK_EX):
        now = time.monotonic()
        if patience.is_stopped():
            raise WaitStopped(f"told to stop while waiting for {what}; nothing was begun")
        if now < glanced:
            time.sleep(GLANCE_POLL_SECONDS)
            continue
        left = patience.give_up - now
        if left <= 0:
            holder = held_by(_noted(descriptor))
            raise DeviceBusy(f"{what} is in use by {holder}; wait until it ends, or stop it. Lock: {path}")
        if not is_told:
            patience.tell(f"{what} is in use by {held_by(_noted(descriptor))}; waiting up to {left:.0f} s for it")
            is_told = True
        time.sleep(min(POLL_SECONDS, left))


def _is_taken(descriptor: int, operation: int) -> bool:
    """Try to take a lock; return whether this process has it now."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _opened(path: Path) -> int:
    """Open a lock file, or make one that everybody may write to; never through a link, which may be anybody's."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        with suppress(FileNotFoundError):
            return os.open(path, flags)
        # Not O_CREAT alone: in a folder like /tmp the kernel then refuses files of others (fs.protected_regular).
        with suppress(FileExistsError):
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            os.fchmod(descriptor, 0o666)
            return descriptor


def _noted(descriptor: int) -> LockNote | None:
    try:
        return decoded(os.pread(descriptor, _MOST_BYTES, 0), LockNote)
    except NotDecoded:
        return None


def held_by(note: LockNote | None) -> str:
    """Return who holds a lock that is held, for a person."""
    if note is None:
        return "another process that has just started"
    holder = note.holder
    told = f"process {holder.pid} on {holder.host} since {holder.since}, run {note.run}"
    if has_ended(holder):
        return f"a process that has just started, or what is left of {told}, which has ended"
    return told
