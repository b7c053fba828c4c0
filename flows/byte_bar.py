"""A bar for work that is counted in bytes; it shows only where a person is watching."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@dataclass(frozen=True, slots=True)
class ByteBar:
    """A bar that is told how much there is to do, and then of each part that is done."""

    progress: Progress
    task: TaskID

    def start(self, total: int) -> None:
        """Set how many bytes there are to come."""
        self.progress.update(self.task, total=total)

    def add(self, count: int) -> None:
        """Count `count` bytes as done."""
        self.progress.advance(self.task, count)


@contextmanager
def byte_bar(description: str) -> Iterator[ByteBar]:
    """Show a bar on standard error while the block runs."""
    console = Console(stderr=True)
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as progress:
        yield ByteBar(progress, progress.add_task(description, total=None))
