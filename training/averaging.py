"""Averages of a network's weights over the steps: EMA and SWA. Often better than the last weights, never trained.

torch's AveragedModel copies the whole network, which fails on some that are weight-normalised; this copies tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Averaging:
    """How weights are averaged, from step `first` on, every `every` steps.

    "ema" moves the average by 1 - `decay` of the way to the weights; the first ones are soon forgotten, since after n
    of them the decay is at most (1 + n) / (10 + n). "swa" is the plain mean (Izmailov et al. 2018).
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    kind: Literal["ema", "swa"] = "ema"
    decay: float = 0.999
    first: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"the decay of an average lies in [0, 1), got {self.decay}")
        if self.first < 0 or self.every < 1:
            raise ValueError(f"an average begins at step 0 or later, every 1 or more, got {self.first}, {self.every}")

    def share_of_new(self, taken: int) -> float:
        """Return the weight of what is added when `taken` were."""
        if self.kind == "swa" or taken == 0:
            return 1 / (taken + 1)
        return 1 - min(self.decay, (1 + taken) / (10 + taken))


class WeightAverage:
    """The average of a network's parameters and buffers."""

    def __init__(self, network: nn.Module, averaging: Averaging) -> None:
        self._averaging = averaging
        self._values = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self._seen = self._taken = 0

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Count one step, and take the network's weights into the average if it is their turn."""
        past = self._seen - self._averaging.first
        self._seen += 1
        if past < 0 or past % self._averaging.every:
            return
        share = self._averaging.share_of_new(self._taken)
        self._taken += 1
        pairs = [(self._values[name], value) for name, value in network.state_dict().items()]
        smooth = [pair for pair in pairs if pair[0].is_floating_point()]
        torch._foreach_lerp_(  # type: ignore[reportPrivateImportUsage] # AveragedModel uses it, too
            [mine for mine, _ in smooth], [new for _, new in smooth], share
        )
        for mine, new in pairs:
            if not mine.is_floating_point():  # the counters of batch norm
                mine.copy_(new)

    @contextmanager
    def put_into(self, network: nn.Module) -> Iterator[None]:
        """Give the network its average for a while, once there is one."""
        if not self._taken:
            yield
            return
        own = {name: value.detach().clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self._values)
        try:
            yield
        finally:
            network.load_state_dict(own)

    def weights_of(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the average, to be loaded into a network; before there is one, the network's own weights."""
        return dict(self._values) if self._taken else network.state_dict()

    def state_dict(self) -> dict[str, Any]:
        return {"values": dict(self._values), "seen": self._seen, "taken": self._taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, value in state["values"].items():
            self._values[name].copy_(value)
        self._seen, self._taken = state["seen"], state["taken"]
