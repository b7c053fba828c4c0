"""The GPUs of this machine that runs know of, and who holds which. Their locks are files, all in one folder.

The folder is everybody's: what else lies in it is passed over, and what a note tells is text, and no more.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from storage.errors import DamagedDataset
from storage.plain_files import require_folder
from tasks.ops.file_locks import LockNote, lock_state

logger = logging.getLogger(__name__)

LOCKS = Path("/tmp/imagemill-devices")
"""The same for everybody on the machine, so that runs of different people know of each other."""
MOST_DEVICES = 256

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LOCK_NAME = re.compile(r"(gpu-[A-Za-z0-9._-]{1,100})\.lock")


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A GPU by the name that its lock has: whether it is held, and by whom, or by whom it was held last."""

    name: str
    is_held: bool
    note: LockNote | None


def device_name(identifier: object) -> str:
    """Return the name of the GPU with this identifier, the same whichever numbers a process sees it under."""
    return _UNSAFE.sub("_", f"gpu-{identifier}")


def device_file(locks: Path, name: str) -> Path:
    """Return the lock file of a GPU."""
    return locks / f"{name}.lock"


def device_states(locks: Path = LOCKS) -> list[DeviceState]:
    """Return the GPUs of which there are locks in a folder, sorted by name; none where no run has used any."""
    states = ((name, lock_state(device_file(locks, name))) for name in _names_in(locks))
    return [DeviceState(name, state.is_held, state.note) for name, state in states if state is not None]


def _names_in(locks: Path) -> list[str]:
    if not os.path.lexists(locks):
        return []
    try:
        require_folder(locks)
        with os.scandir(locks) as entries:
            found = (match[1] for entry in entries if (match := _LOCK_NAME.fullmatch(entry.name)))
            return sorted(islice(found, MOST_DEVICES))
    except (DamagedDataset, PermissionError) as error:
        logger.warning("the folder of device locks is passed over: %s", error)
        return []
