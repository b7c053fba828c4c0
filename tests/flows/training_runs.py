"""Jobs that train the digits recipe in processes of its own, and what the tests of them look at."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from flows.train_job import TrainJob
from tests.training.conftest import RECIPE, curve

REPOSITORY = Path(__file__).parents[2]
SETTINGS = ("loop.cpu_threads=1", "loop.report_steps=1", "loop.checkpoint_steps=4")
SLOWLY = "seconds_per_step=0.1"
BADLY = "phases=[{epochs = 0.5, learning_rate = 1e-9}]"


def job_in(root: Path, *settings: str, **others: Any) -> TrainJob:
    return TrainJob(
        recipe=RECIPE, slow=root, fast=root, name="digits", settings=(*SETTINGS, *settings), device="cpu", **others
    )


def runs_below(root: Path) -> list[Path]:
    return sorted((root / "model-digits" / "runs").glob("*"))


def wait_for_step(root: Path, step: int, *, seconds: float = 120) -> Path:
    """Return the directory of the one run below a root when its curve has got to a step."""
    give_up = time.monotonic() + seconds
    while True:
        for run in runs_below(root):
            if (run / "metrics.jsonl").exists() and any(line["step"] >= step for line in curve(run)):
                return run
        assert time.monotonic() < give_up, [path.read_text() for path in root.rglob("log.txt")]
        time.sleep(0.02)


def trainer_of(run: Path) -> int:
    """Return the number of the process that trains in a directory."""
    return json.loads((run / "lock").read_text())["holder"]["pid"]


class Stopper(threading.Thread):
    """Sends SIGTERM to the training process whenever its curve gets to one of the steps."""

    def __init__(self, root: Path, *steps: int) -> None:
        super().__init__(daemon=True)
        self._root, self._steps = root, steps
        self.stopped: list[int] = []

    def run(self) -> None:
        for step in self._steps:
            process = trainer_of(wait_for_step(self._root, step))
            os.kill(process, signal.SIGTERM)
            self.stopped.append(process)
