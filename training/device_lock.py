"""One training process on a GPU at a time, and one in a run directory: the kernel lets go when the process dies."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from storage.locking import Holder, this_process

LOCKS = Path("/tmp/imagemill-devices")
"""The same for everybody on the machine, so that runs of different people know of each other."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class DeviceBusy(RuntimeError):
    """Another process holds the device or the run directory; the message says which."""


@dataclass(frozen=True, slots=True)
class _Note:
    """What a lock file tells to those who find it held."""

    holder: Holder
    run: str


@contextmanager
def device_lock(device: torch.device, run: Path, *, locks: Path = LOCKS) -> Iterator[None]:
    """Hold the GPU for the run in the folder `run`; a CPU is for all.

    Raises:
        DeviceBusy: another process trains on it.
    """
    if device.type != "cuda":
        yield
        return
    name = _name(device)
    with file_lock(_shared(locks) / f"{name}.lock", run, what=f"the GPU {name} ({device})"):
        yield


@contextmanager
def file_lock(path: Path, run: Path, *, what: str) -> Iterator[None]:
    """Hold a lock file for the run in the folder `run`; `what` is what it stands for.

    Raises:
        DeviceBusy: another process holds it.
    """
    descriptor = _opened(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DeviceBusy(
                f"{what} is in use by {_holder_text(descriptor)}; wait until it ends, or stop it. Lock: {path}"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(_Note(this_process(), str(run.absolute()))), 0)
        yield
    finally:
        os.close(descriptor)


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


def _shared(folder: Path) -> Path:
    """Return the folder of locks, made so that everybody may add to it and nobody remove what others added."""
    try:
        folder.mkdir(parents=True)
        folder.chmod(0o1777)
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir():
            raise OSError(errno.ENOTDIR, "the folder of device locks is no folder; name another one", folder) from None
    return folder


def _name(device: torch.device) -> str:
    """Return a name of the GPU that is the same whichever numbers a process sees it under."""
    index = torch.cuda.current_device() if device.index is None else device.index
    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", index)
    return _UNSAFE.sub("_", f"gpu-{uuid}")


def _holder_text(descriptor: int) -> str:
    try:
        note = msgspec.json.decode(os.pread(descriptor, 1 << 16, 0), type=_Note)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "another process that has just started"
    holder = note.holder
    return f"process {holder.pid} on {holder.host} since {holder.since}, run {note.run}"
