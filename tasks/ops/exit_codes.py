"""What the exit code of every process of ours means: of the commands, and of a training process that they start."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of all commands; README lists them. `FAILED` is damage or a failed check, too."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    LOCKED = 11
    DISK = 74
    INTERRUPTED = 75
