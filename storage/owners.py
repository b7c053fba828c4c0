"""Names for what belongs to a running process, so that it can be cleared when the process is gone."""

from __future__ import annotations

import os
import re
import socket
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storage.locking import boot_id

SILENT_SECONDS = 24 * 3600
"""An owner that cannot be seen from here counts as gone when it has not touched its file for so long."""

_NOWHERE = "0"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class _Owner:
    """A process as its name tells it; `started` is in clock ticks after the boot."""

    host: str
    boot: str
    namespace: str
    pid: str
    started: str

    @property
    def can_be_seen(self) -> bool:
        """Tell whether this process would see the owner if it lived: same kernel, same numbering of processes."""
        here = (_host(), boot_id(), _pid_namespace())
        return (self.host, self.boot, self.namespace) == here and self.namespace != _NOWHERE


def owner_name() -> str:
    """Return a new name that belongs to this process; it can be the name of a file."""
    started = _start_time(os.getpid()) or _NOWHERE
    parts = (_host(), boot_id(), _pid_namespace(), str(os.getpid()), started, uuid.uuid4().hex[:8])
    return "+".join(parts)


def is_owner(name: str) -> bool:
    """Tell whether `owner_name` gave this name, here or elsewhere."""
    return _parsed(name) is not None


def is_gone(owner: str) -> bool:
    """Tell whether the process with that name is gone for certain; of another host's nothing is certain."""
    parsed = _parsed(owner)
    if parsed is None or parsed.host != _host():
        return False
    if parsed.boot != boot_id():
        return True
    return parsed.can_be_seen and not _runs(parsed)


def is_here(owner: str) -> bool:
    """Tell whether `is_gone` is the whole truth about an owner: whoever is not gone is alive."""
    parsed = _parsed(owner)
    return parsed is not None and parsed.can_be_seen


def is_silent(path: Path) -> bool:
    """Tell whether a file named after its owner counts for nothing: the owner is gone, or unseen and long silent."""
    if is_here(path.name) or is_gone(path.name):
        return is_gone(path.name)
    try:
        return time.time() - path.stat().st_mtime > SILENT_SECONDS
    except FileNotFoundError:
        return True


def _parsed(owner: str) -> _Owner | None:
    parts = owner.split("+")
    return _Owner(*parts[:5]) if len(parts) == 6 and parts[3].isdecimal() and int(parts[3]) > 0 else None


def _runs(owner: _Owner) -> bool:
    pid = int(owner.pid)
    try:
        # Not /proc, which may hide the processes of other users. One that may not be signalled lives, too.
        with suppress(PermissionError):
            os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    started = _start_time(pid)
    return started is None or owner.started in (started, _NOWHERE)


def _start_time(pid: int) -> str | None:
    """Return when a process started, in clock ticks after the boot; "dead" for one that only waits to be reaped."""
    process = Path("/proc", str(pid))
    try:
        content = (process / "stat").read_text(errors="replace")
        threads = len(list((process / "task").iterdir()))
    except OSError:
        return None
    # proc(5): the name in brackets may hold anything, the state follows as field 3, the start time is field 22.
    state, *fields = content[content.rindex(")") + 2 :].split()
    return "dead" if state in "ZX" and threads < 2 else fields[18]


def _host() -> str:
    return _UNSAFE.sub("_", socket.gethostname())


def _pid_namespace() -> str:
    try:
        return "".join(filter(str.isdecimal, os.readlink("/proc/self/ns/pid"))) or _NOWHERE  # noqa: PTH115
    except OSError:
        return _NOWHERE
