"""Which error leads to which exit code of `python -m training`."""

from __future__ import annotations

from storage.errors import DatasetError, DiskFailed, DiskFull, UnknownDataset, UnreadableRecord
from tasks.ops.exit_codes import ExitCode
from training.device_lock import DeviceBusy

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
