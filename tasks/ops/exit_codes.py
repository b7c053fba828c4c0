"""What the exit code of every process of ours means: of the commands, and of a training process that they start."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from storage.errors import (
    DatasetError,
    DatasetLocked,
    DiskFailed,
    DiskFull,
    NotEnoughSpace,
    SourceFailed,
    UnknownDataset,
    UnreadableRecord,
)


class ExitCode(IntEnum):
    """Exit codes of all commands; README lists them. `FAILED` is damage or a failed check, too."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    LOCKED = 11
    DISK = 74
    INTERRUPTED = 75


Meaning = tuple[type[BaseException], ExitCode]

# The first that an error is an instance of decides.
_MEANINGS: tuple[Meaning, ...] = (
    (DatasetLocked, ExitCode.LOCKED),
    (DiskFull, ExitCode.DISK),
    (DiskFailed, ExitCode.DISK),
    (SourceFailed, ExitCode.DISK),
    (NotEnoughSpace, ExitCode.BAD_INPUT),
    (UnknownDataset, ExitCode.BAD_INPUT),
    (UnreadableRecord, ExitCode.BAD_INPUT),
    (DatasetError, ExitCode.FAILED),
    (ValueError, ExitCode.BAD_INPUT),
    (FileNotFoundError, ExitCode.BAD_INPUT),
    (FileExistsError, ExitCode.BAD_INPUT),
    (IsADirectoryError, ExitCode.BAD_INPUT),
    (PermissionError, ExitCode.BAD_INPUT),
    (OSError, ExitCode.DISK),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
)


def meaning_of(error: BaseException, own: Iterable[Meaning] = ()) -> ExitCode | None:
    """Return the exit code for an error, by the caller's `own` meanings first; None for a defect of ours."""
    return next((code for kind, code in (*own, *_MEANINGS) if isinstance(error, kind)), None)
