"""Where a run is: steps done, the losses since the last line of the curve, and whether the loss diverges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from training.distributed import World
from training.phases import Phase

SMOOTHING = 0.98
"""Share of the former losses in the smoothed one, as in fast.ai's learning-rate finder."""


class Progress:
    """Steps done, and sums of losses that stay tensors until they are reported. Part of every checkpoint."""

    def __init__(self) -> None:
        self.steps = 0
        self.rows = 0
        self.metrics: dict[str, float] = {}
        """Those of the last validation."""
        self._watch = DivergenceWatch()
        self._sums: dict[str, Tensor] = {}
        self._counted = 0

    def add(self, losses: Mapping[str, Tensor], *, rows: int) -> None:
        """Count one step on `rows` rows."""
        for name, loss in losses.items():
            self._sums[name] = self._sums[name] + loss if name in self._sums else loss.clone()
        self.steps += 1
        self.rows += rows
        self._counted += 1

    def is_diverged(self, losses: Mapping[str, Tensor], phase: Phase, *, world: World) -> bool:
        """Tell whether the phase is one that ends when the loss diverges, and it does. This waits for the device."""
        if phase.divergence is None:
            return False
        loss = losses["loss"].float().clone()
        world.average([loss])
        return self._watch.is_diverged(loss.item(), phase.divergence)

    def take_losses(self) -> dict[str, Tensor]:
        """Return the mean of each loss since the last call."""
        means = {name: total / self._counted for name, total in self._sums.items()}
        self._sums, self._counted = {}, 0
        return means

    def state_dict(self) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "rows": self.rows,
            "metrics": self.metrics,
            "watch": self._watch.state_dict(),
            "sums": {name: total.cpu() for name, total in self._sums.items()},
            "counted": self._counted,
        }

    def load_state_dict(self, state: Mapping[str, Any], *, device: torch.device) -> None:
        self.steps, self.rows, self._counted = state["steps"], state["rows"], state["counted"]
        self.metrics = dict(state["metrics"])
        self._watch.load_state_dict(state["watch"])
        self._sums = {name: total.to(device) for name, total in state["sums"].items()}


class DivergenceWatch:
    """Smooths losses, and tells when they are far above their best."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._count = 0
        self._best = math.inf

    def is_diverged(self, loss: float, factor: float) -> bool:
        """Take in the loss of one step; tell whether the smoothed one is no number or above `factor` × its best."""
        self._count += 1
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * loss
        # Without the division the first losses would count as if those before them had been 0.
        smoothed = self._mean / (1 - SMOOTHING**self._count)
        if not math.isfinite(smoothed):
            return True
        self._best = min(self._best, smoothed)
        return smoothed > factor * self._best

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self._mean, "count": self._count, "best": self._best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._mean, self._count, self._best = state["mean"], state["count"], state["best"]
