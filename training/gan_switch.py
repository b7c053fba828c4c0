"""Whose turn it is in a GAN: after each step of the generator the critic learns until it is good enough again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Turn = Literal["critic", "generator"]

SMOOTHING = 0.98
"""Share of the former losses in the smoothed one: fastai's `SmoothenValue` of its GAN trainer."""


class AdaptiveSwitch:
    """fastai's `AdaptiveGANSwitcher`: the critic's turn lasts until its smoothed loss is below `threshold`.

    A critic that stays just above it would keep the generator from ever learning; after `most_steps` in a row it has
    to let go whatever its loss.
    """

    def __init__(self, *, threshold: float, most_steps: int) -> None:
        if not threshold > 0 or most_steps < 1:
            raise ValueError(
                f"the critic's turn ends below a loss above 0, after 1 step or more, got {threshold} and {most_steps}"
            )
        self.turn: Turn = "critic"
        self._threshold, self._most_steps = threshold, most_steps
        self._mean, self._seen, self._in_turn = 0.0, 0, 0

    @property
    def smoothed_loss(self) -> float:
        """The smoothed loss of the critic; 0 before its first step."""
        # Without the division the first losses would count as if those before them had been 0.
        return self._mean / (1 - SMOOTHING**self._seen) if self._seen else 0.0

    def after_critic(self, loss: float) -> None:
        """Take in the loss of a step of the critic."""
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * loss
        self._seen += 1
        self._in_turn += 1
        if self.smoothed_loss < self._threshold or self._in_turn >= self._most_steps:
            self.turn, self._in_turn = "generator", 0

    def after_generator(self) -> None:
        """Take note that the generator has learnt: one step is a turn."""
        self.turn = "critic"

    def state_dict(self) -> dict[str, Any]:
        return {"turn": self.turn, "mean": self._mean, "seen": self._seen, "in_turn": self._in_turn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.turn = state["turn"]
        self._mean, self._seen, self._in_turn = state["mean"], state["seen"], state["in_turn"]
