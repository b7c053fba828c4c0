"""How far a training process is with rows, shown while it makes them."""

from __future__ import annotations

import time
from types import TracebackType
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from tasks.ops.row_process import RowLine
from tasks.progress import ARTIFACT_SECONDS, StepProgress, artifact_key


class RowProgress:
    """How far the rows are: a bar for the person at the terminal, an artifact for Prefect's pages, throttled."""

    def __init__(self, name: str, *, doing: str) -> None:
        self._step, self._doing = StepProgress(name), doing
        # The types of Prefect's dual functions promise a coroutine too; called from synchronous code it is none.
        self._artifact = cast(
            "UUID",
            create_progress_artifact(0.0, key=f"{artifact_key(name)}-progress", description=f"{name}: {doing}"),
        )
        self._artifact_at = time.monotonic()

    def __enter__(self) -> RowProgress:
        self._step.__enter__()
        self._step.show("opening the model", 0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step.__exit__(kind, error, trace)
        if error is None:
            update_progress_artifact(self._artifact, progress=100.0)

    def show(self, line: RowLine) -> None:
        """Take in what the process told last."""
        if line.rows is None or not line.of:
            return
        self._step.show(self._doing, line.rows / line.of)
        if time.monotonic() - self._artifact_at >= ARTIFACT_SECONDS:
            self._artifact_at = time.monotonic()
            update_progress_artifact(self._artifact, progress=100.0 * line.rows / line.of)
