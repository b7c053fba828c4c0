"""A polite end: the first SIGTERM or Ctrl-C asks the loop to write a checkpoint and stop after the step it is in."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether somebody asked the run to stop."""

    def __init__(self) -> None:
        self.is_requested = False

    def request(self) -> None:
        """Ask the run to stop after its step."""
        self.is_requested = True


@contextmanager
def interruption_by_signals() -> Iterator[Interruption]:
    """Return an interruption that SIGTERM and SIGINT request; a second SIGINT ends the run at once."""
    interruption = Interruption()

    def ask(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and interruption.is_requested:
            raise KeyboardInterrupt
        interruption.request()

    former = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield interruption
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
