"""Ties the life of a process to the one that started it, so that nothing outlives a run that was killed.

`python -m tasks.ops.parent_death PARENT COMMAND …` becomes the command, which is then sent SIGTERM when PARENT dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(parent: int, by: signal.Signals) -> None:
    """Have the kernel send `by` to this process when its parent dies; end it now if that is no longer `parent`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os._exit(1)  # It died before the kernel could be asked.


def bound_command(command: Sequence[str]) -> list[str]:
    """Return the command that starts `command` bound to this process: when this one dies, it is sent SIGTERM.

    The kernel watches the thread that starts it, which therefore has to live as long as the command.
    """
    return [sys.executable, "-m", __spec__.name, str(os.getpid()), *command]


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]), signal.SIGTERM)
    os.execvp(sys.argv[2], sys.argv[2:])
