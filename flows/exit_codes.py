"""What the exit code of every command means, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from flows.orchestrator import NoOrchestrator, OrchestratorLost
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
from tasks.ops.training_process import TrainingFailed, TrainingPreempted


class ExitCode(IntEnum):
    """Exit codes of all commands; README lists them."""

    DONE = 0
    FAILED_CHECK = 1
    BAD_INPUT = 2
    LOCKED = 11
    DISK = 74
    INTERRUPTED = 75


_BY_TYPE: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (NoOrchestrator, ExitCode.BAD_INPUT),
    (OrchestratorLost, ExitCode.INTERRUPTED),
    (TrainingPreempted, ExitCode.INTERRUPTED),
    (DatasetLocked, ExitCode.LOCKED),
    (DiskFull, ExitCode.DISK),
    (DiskFailed, ExitCode.DISK),
    (SourceFailed, ExitCode.DISK),
    (NotEnoughSpace, ExitCode.BAD_INPUT),
    (UnknownDataset, ExitCode.BAD_INPUT),
    (UnreadableRecord, ExitCode.BAD_INPUT),
    (DatasetError, ExitCode.FAILED_CHECK),
    (ValueError, ExitCode.BAD_INPUT),
    (FileNotFoundError, ExitCode.BAD_INPUT),
    (FileExistsError, ExitCode.BAD_INPUT),
    (PermissionError, ExitCode.BAD_INPUT),
    (OSError, ExitCode.DISK),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
)


def exit_code_of(error: BaseException) -> ExitCode | None:
    """Return the exit code for an error that has a meaning for the user, None for a defect of ours."""
    if isinstance(error, TrainingFailed):
        # The process has said which, by an exit code of its own.
        return ExitCode(error.exit_code) if error.exit_code in set(ExitCode) else ExitCode.FAILED_CHECK
    return next((code for kind, code in _BY_TYPE if isinstance(error, kind)), None)
