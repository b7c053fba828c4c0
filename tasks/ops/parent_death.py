"""Ties the life of a process to the one that started it, so that nothing outlives a run that was killed."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(parent: int, by: signal.Signals) -> None:
    """Have the kernel send `by` to this process when its parent dies; end it now if that is no longer `parent`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os._exit(1)  # It died before the kernel could be asked.
