"""Which error leads to which exit code of a command."""

from __future__ import annotations

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
from tasks.ops.exit_codes import ExitCode
from tasks.ops.training_process import TrainingFailed, TrainingPreempted

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
    (DatasetError, ExitCode.FAILED),
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
        return ExitCode(error.exit_code) if error.exit_code in set(ExitCode) else ExitCode.FAILED
    return next((code for kind, code in _BY_TYPE if isinstance(error, kind)), None)
