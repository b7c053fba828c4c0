"""Writes down how a run goes: what all processes measured together, by the first of them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from storage.durable import write_durably
from storage.run_directory import RunDirectory
from training.checkpoints import torch_bytes
from training.distributed import World
from training.phase_plot import drawn
from training.progress import Progress
from training.ramps import Level
from training.steps import Validation
from training.timetable import Stretch

LOG = logging.getLogger("training")


class Diverged(ArithmeticError):
    """The loss is no number any more."""


@dataclass(slots=True)
class _Clock:
    """Since the last line: when it was, how many rows were done by then, and how long the loop waited for rows."""

    at: float
    rows: int
    waited: float = 0.0


class Journal:
    """The curve, the pictures and the last figures of a run."""

    def __init__(self, directory: RunDirectory, world: World) -> None:
        self.directory, self.world = directory, world
        self._clock = _Clock(time.monotonic(), 0)
        self._last = 0

    def begin(self, progress: Progress, stretches: Sequence[Stretch]) -> None:
        """Take up the curve where the run does, and draw what the phases make of the rates."""
        self._clock = _Clock(time.monotonic(), progress.rows)
        self._last = stretches[-1].stop
        if self.world.is_first:
            self.directory.cut_metrics(progress.steps)
            write_durably(self.directory.phases, drawn(stretches))
        if progress.steps:
            LOG.info("going on after step %d", progress.steps)

    def waited(self, seconds: float) -> None:
        """Count time in which the loop had no rows."""
        self._clock.waited += seconds

    def report(self, progress: Progress, stretch: Stretch) -> None:
        """Write one line of the curve: mean losses since the last, rates of the last step, speed.

        Raises:
            Diverged: the loss is no number.
        """
        losses = self._joint(progress.take_losses())
        rates = stretch.rates(progress.steps - 1)
        line = {
            **self._heading("train", progress, stretch),
            "losses": losses,
            "learning_rate": _plain(rates.learning_rate),
            "momentum": _plain(rates.momentum),
            **self._speed(progress),
        }
        self._append(line)
        if "loss" in losses and not math.isfinite(losses["loss"]) and stretch.phase.divergence is None:
            raise Diverged(
                f"the loss is {losses['loss']} after step {progress.steps}; try a lower learning rate, a longer "
                "warm-up, or clipped gradients"
            )

    def validated(self, progress: Progress, stretch: Stretch, found: Validation) -> None:
        """Write what a validation found, pictures and all."""
        progress.metrics = {name: torch.as_tensor(value).item() for name, value in found.metrics.items()}
        self._append({**self._heading("valid", progress, stretch), "metrics": progress.metrics})
        if self.world.is_first:
            for name, picture in found.samples.items():
                _write_sample(self.directory.sample(progress.steps, name), picture)

    def finished(self, weights: Mapping[str, Any]) -> None:
        """Write what the finished model consists of."""
        if self.world.is_first:
            write_durably(self.directory.weights, torch_bytes(weights))

    def _heading(self, kind: str, progress: Progress, stretch: Stretch) -> dict[str, Any]:
        epoch = round(stretch.epochs_after(progress.steps), 4)
        return {"kind": kind, "step": progress.steps, "steps": self._last, "epoch": epoch, "phase": stretch.number}

    def _append(self, line: Mapping[str, Any]) -> None:
        if self.world.is_first:
            self.directory.append_metrics(line)
            LOG.info("%s", _sentence(line))

    def _joint(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the losses as numbers, means over the processes: here the device is waited for."""
        if not losses:
            return {}
        stacked = torch.stack([loss.float().reshape(()) for loss in losses.values()])
        self.world.average([stacked])
        return dict(zip(losses, stacked.tolist(), strict=True))

    def _speed(self, progress: Progress) -> dict[str, float]:
        now, clock = time.monotonic(), self._clock
        seconds = max(now - clock.at, 1e-9)
        self._clock = _Clock(now, progress.rows)
        return {
            "rows_per_second": (progress.rows - clock.rows) * self.world.size / seconds,
            "waiting": clock.waited / seconds,
        }


def _write_sample(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write `(h, w, 3)` uint8 RGB as a PNG."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    Image.fromarray(picture).save(partial, "PNG")
    partial.replace(path)


def _plain(level: Level) -> float | list[float]:
    return list(level) if isinstance(level, tuple) else level


def _sentence(line: Mapping[str, Any]) -> str:
    """Return a line of the curve as the log has it."""
    figures = line["losses"] if line["kind"] == "train" else line["metrics"]
    told = ", ".join(f"{name} {value:.5g}" for name, value in figures.items())
    return f"{line['kind']} step {line['step']} epoch {line['epoch']:.2f}: {told}"
