"""What the exit code of `python -m training` means, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from storage.errors import DatasetError, DiskFailed, DiskFull, UnknownDataset, UnreadableRecord
from training.device_lock import DeviceBusy


class ExitCode(IntEnum):
    """Exit codes of `python -m training`, the same as those of all commands."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    LOCKED = 11
    DISK = 74
    INTERRUPTED = 75


_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (DeviceBusy, ExitCode.LOCKED),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (DiskFull, ExitCode.DISK),
    (DiskFailed, ExitCode.DISK),
    (UnknownDataset, ExitCode.BAD_INPUT),
    (UnreadableRecord, ExitCode.BAD_INPUT),
    (DatasetError, ExitCode.FAILED),
    (ValueError, ExitCode.BAD_INPUT),
    (FileNotFoundError, ExitCode.BAD_INPUT),
    (PermissionError, ExitCode.BAD_INPUT),
    (IsADirectoryError, ExitCode.BAD_INPUT),
    (OSError, ExitCode.DISK),
)


def code_of(error: BaseException) -> ExitCode:
    """Return the exit code for an error that ends a run."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
