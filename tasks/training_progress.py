"""How far a training run is: a bar for the person at the terminal, artifacts for Prefect's pages. All are throttled."""

from __future__ import annotations

import time
from types import TracebackType
from typing import cast
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from storage.models import PREFIX
from storage.names import without_controls
from storage.run_directory import RunDirectory
from tasks.ops.run_curve import CurveLine, CurveTail
from tasks.ops.run_page import run_page
from tasks.progress import ARTIFACT_SECONDS, LINE_SECONDS, artifact_key

PAGE_SECONDS = 60.0
PAGE_GROWTH = 1.15
"""A page comes when the run is so many times as long as at the last: a week makes about 70, of 0.1 to 0.5 MB each."""
SHOWN_LOSSES = 4


class TrainingProgress:
    """Follows the curve of a run; a context manager around the training. Call `show` as often as you like."""

    def __init__(self, model: str, run: RunDirectory, *, decides: str | None, console: Console | None = None) -> None:
        self._model, self._run, self._decides = model, run, decides
        self._key = artifact_key(f"{PREFIX}{model}")
        self._tail = CurveTail(run.metrics)
        self._console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f} images/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> TrainingProgress:
        self._started = self._artifact_at = self._line_at = time.monotonic()
        self._page_after = PAGE_SECONDS
        key, description = f"{self._key}-progress", f"{self._model}: steps done, {self._run.path}"
        # The types of Prefect's dual functions promise a coroutine too; called from synchronous code it is none.
        self._artifact = cast("UUID", create_progress_artifact(0.0, key=key, description=description))
        self._task = self._bar.add_task(self._model, total=None, rate=0.0, figures="starting")
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        # Whoever interrupts a run does not wait for pages.
        if error is None or isinstance(error, Exception):
            self._update_artifact()
            self._publish_page()

    def show(self) -> None:
        """Take in what the run reported since the last call."""
        if not self._tail.follow() or not self._tail.lines:
            return
        line, now = self._tail.lines[-1], time.monotonic()
        rate = next((each.rows_per_second for each in reversed(self._tail.lines) if each.kind == "train"), 0.0)
        figures = figures_line(self._tail.lines)
        self._bar.update(self._task, completed=line.step, total=line.steps, rate=rate, figures=figures)
        if now - self._artifact_at >= ARTIFACT_SECONDS:
            self._artifact_at = now
            self._update_artifact()
        if now - self._started >= self._page_after:
            self._page_after = (now - self._started) * PAGE_GROWTH
            self._publish_page()
        if not self._console.is_terminal and now - self._line_at >= LINE_SECONDS:
            self._line_at = now
            told = f"{self._model}: step {line.step:,} of {line.steps:,}, {rate:,.0f} images/s, {figures}"
            self._console.print(told, markup=False, highlight=False)

    def _update_artifact(self) -> None:
        line = self._tail.lines[-1] if self._tail.lines else None
        update_progress_artifact(self._artifact, progress=100.0 * line.step / max(line.steps, 1) if line else 0.0)

    def _publish_page(self) -> None:
        page = run_page(self._run, self._tail.lines, title=self._model, decides=self._decides)
        key, description = f"{self._key}-curve", f"Learning curve and samples of {self._run.path}"
        create_markdown_artifact(page, key=key, description=description)


def figures_line(lines: list[CurveLine]) -> str:
    """Return the newest losses, and the newest figures of a validation, as one short text."""
    train = next((line.losses for line in reversed(lines) if line.kind == "train"), {})
    valid = next((line.metrics for line in reversed(lines) if line.kind == "valid"), {})
    shown = [*list(train.items())[:SHOWN_LOSSES], *list(valid.items())[:2]]
    return ", ".join(f"{without_controls(name)} {_short(value)}" for name, value in shown)


def _short(value: float | None) -> str:
    return "no number" if value is None else f"{value:.4g}"
