"""Which error leads to which exit code of `python -m training`."""

from __future__ import annotations

from tasks.ops.exit_codes import ExitCode, meaning_of
from tasks.ops.file_locks import DeviceBusy, WaitStopped

_OWN = ((DeviceBusy, ExitCode.LOCKED), (WaitStopped, ExitCode.INTERRUPTED))


def code_of(error: BaseException) -> ExitCode:
    """Return the exit code for an error that ends a run."""
    return meaning_of(error, own=_OWN) or ExitCode.FAILED
