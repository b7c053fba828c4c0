"""Which error leads to which exit code of a command."""

from __future__ import annotations

from flows.orchestrator import DeployFailed, NoOrchestrator, OrchestratorLost, RunNotCompleted
from tasks.dask_cluster import ClusterLost, NoCluster
from tasks.ops.exit_codes import ExitCode, meaning_of
from tasks.ops.training_process import TrainingFailed, TrainingPreempted

_OWN = (
    (NoOrchestrator, ExitCode.BAD_INPUT),
    (DeployFailed, ExitCode.FAILED),
    (RunNotCompleted, ExitCode.FAILED),
    (NoCluster, ExitCode.BAD_INPUT),
    (OrchestratorLost, ExitCode.INTERRUPTED),
    (ClusterLost, ExitCode.INTERRUPTED),
    (TrainingPreempted, ExitCode.INTERRUPTED),
)


def exit_code_of(error: BaseException) -> ExitCode | None:
    """Return the exit code for an error that has a meaning for the user, None for a defect of ours."""
    if isinstance(error, TrainingFailed):
        # The process has said which, by an exit code of its own.
        return ExitCode(error.exit_code) if error.exit_code in set(ExitCode) else ExitCode.FAILED
    return meaning_of(error, own=_OWN)
