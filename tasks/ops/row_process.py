"""Has the training process make rows, and tells how far it is; the one who asks has no torch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec

from storage.json_text import NotDecoded, decoded
from tasks.ops.exit_codes import ExitCode
from tasks.ops.training_process import TrainingFailed, TrainingPreempted, training_process

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5


class RowLine(msgspec.Struct, frozen=True):
    """One line of what the process tells: how many rows are made, or which version it published."""

    computed: int
    rows: int | None = None
    of: int | None = None
    version: int | None = None
    is_new: bool = False


def published_rows(arguments: Sequence[str], *, on_line: Callable[[RowLine], None]) -> RowLine:
    """Run `python -m training` with `arguments`; return its last line, which names the version it published.

    `on_line` hears of progress.

    Raises:
        TrainingFailed: it failed; the message has the reason.
        TrainingPreempted: somebody else stopped it, after the shard in hand.
    """
    with training_process(arguments) as process:
        while (code := process.wait(POLL_SECONDS)) is None:
            if found := _lines(process.output()):
                on_line(found[-1])
        lines = _lines(process.output())
        reason = process.last_words()
    if code == ExitCode.INTERRUPTED:
        raise TrainingPreempted(reason)
    if code != 0:
        text = reason or f"the training process of {arguments[0]} ended with {code}"
        raise TrainingFailed(text, exit_code=code if code > 0 else 1)
    if not lines or lines[-1].version is None:
        raise TrainingFailed(f"the training process of {arguments[0]} ended without naming a version", exit_code=1)
    return lines[-1]


def _lines(output: bytes) -> list[RowLine]:
    """Return the lines that are ours: a recipe may print what it likes between them."""
    found = []
    for line in output.split(b"\n")[:-1]:
        try:
            found.append(decoded(line, RowLine))
        except NotDecoded:
            logger.debug("not a line on rows: %r", line[:200])
    return found


def as_arguments(options: Mapping[str, object]) -> list[str]:
    """Return options by name as arguments, without those that are None."""
    return [str(part) for name, value in options.items() if value is not None for part in (name, value)]
