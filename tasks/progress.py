"""How far a run is: a bar for the person at the terminal, an artifact for Prefect's pages. Both are throttled."""

from __future__ import annotations

import time
from types import TracebackType
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from storage.receipts import Receipt

ARTIFACT_SECONDS = 5.0
"""An update of the artifact takes about 0.1 s of the run."""
LINE_SECONDS = 10.0


class ImageProgress:
    """Counts images as their shards are done; a context manager around the building of a version."""

    def __init__(self, dataset: str, total: int, *, console: Console | None = None) -> None:
        self.stored, self.refused, self.cpu_seconds = 0, 0, 0.0
        self._dataset, self._total = dataset, total
        self._console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f} images/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[refused]} refused"),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> ImageProgress:
        self._started = self._artifact_at = self._line_at = time.monotonic()
        description = f"{self._dataset}: images stored or refused"
        # The types of Prefect's dual functions promise a coroutine too; called from synchronous code it is none.
        self._artifact = cast(
            "UUID",
            create_progress_artifact(0.0, key=f"{artifact_key(self._dataset)}-progress", description=description),
        )
        self._task = self._bar.add_task(self._dataset, total=self._total, rate=0.0, refused=0)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if error is None:
            self._update_artifact()

    def add(self, receipt: Receipt) -> None:
        """Count the inputs of one finished shard."""
        self.stored += receipt.rows
        self.refused += len(receipt.refused)
        self.cpu_seconds += receipt.cpu_seconds
        self._bar.update(self._task, completed=self.done, rate=self.images_per_second, refused=self.refused)
        now = time.monotonic()
        if now - self._artifact_at >= ARTIFACT_SECONDS:
            self._artifact_at = now
            self._update_artifact()
        if not self._console.is_terminal and now - self._line_at >= LINE_SECONDS:
            self._line_at = now
            self._console.print(
                f"{self._dataset}: {self.done:,} of {self._total:,} images, "
                f"{self.images_per_second:,.0f} images/s, {self.refused} refused"
            )

    @property
    def done(self) -> int:
        return self.stored + self.refused

    @property
    def seconds(self) -> float:
        """Wall seconds since the building began."""
        return time.monotonic() - self._started

    @property
    def images_per_second(self) -> float:
        return self.done / max(self.seconds, 1e-9)

    def _update_artifact(self) -> None:
        update_progress_artifact(self._artifact, progress=100.0 * self.done / max(self._total, 1))


class StepProgress:
    """Tells how far one long step is, as a share; a context manager. Off a terminal it says a line now and then."""

    def __init__(self, dataset: str, *, console: Console | None = None) -> None:
        self._dataset = dataset
        self._console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.fields[dataset]}"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._doing, self._line_at = "", 0.0

    def __enter__(self) -> StepProgress:
        self._task = self._bar.add_task("", total=1.0, dataset=self._dataset)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, doing: str, share: float) -> None:
        """Show what is being done, and how much of it is done, in [0, 1]."""
        self._bar.update(self._task, description=doing, completed=share)
        now = time.monotonic()
        if not self._console.is_terminal and (doing != self._doing or now - self._line_at >= LINE_SECONDS):
            self._doing, self._line_at = doing, now
            self._console.print(f"{self._dataset}: {doing}, {share:.0%} done" if share else f"{self._dataset}: {doing}")


def artifact_key(dataset: str) -> str:
    """Return the dataset's name as Prefect wants its keys, `[a-z0-9-]`."""
    return "".join(character if character.isalnum() else "-" for character in dataset.lower())
