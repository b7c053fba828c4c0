"""One step of learning with one network and one optimiser, whatever its objective: what most recipes need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from training.averaging import WeightAverage
from training.batches import Batch
from training.distributed import World
from training.feature_loss import Terms
from training.optimisation import Update
from training.phases import Phase, Rates
from training.steps import Validation

Objective = Callable[[Batch], Terms]
"""Maps a batch to the terms of which the sum is minimised."""
Measure = Callable[[Iterable[Batch]], Validation]
"""Measures the network, which is in evaluation mode, on batches that nothing is learnt from."""


class NetworkStep:
    """What the loop drives. `objective` and `measure` use `network`; batches hold uint8 pictures or ready features.

    Batch normalisation of frozen layers goes on to "learn", as in fast.ai's lessons, or is at "rest".
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        update: Update,
        measure: Measure,
        *,
        world: World,
        average: WeightAverage | None = None,
        accumulate: int = 1,
        frozen_norms: Literal["learn", "rest"] = "learn",
    ) -> None:
        self.network = network
        self._objective, self._update, self._measure = objective, update, measure
        self._world, self._average, self._accumulate = world, average, accumulate
        self._frozen_norms = frozen_norms

    def begin_phase(self, phase: Phase) -> None:
        """Freeze what the phase freezes, but batch normalisation where it is to learn all the same."""
        self._update.begin_phase(phase)
        if self._frozen_norms == "learn":
            for layer in self._norms():
                layer.requires_grad_(requires_grad=True)

    def train_batch(self, batch: Batch, rates: Rates) -> Mapping[str, Tensor]:
        """Take one step; return the terms of the loss and their sum."""
        self.network.train()
        for layer in self._norms():
            # Else the statistics of what is frozen would move.
            layer.train(any(each.requires_grad for each in layer.parameters()))
        parts: Sequence[Batch] = batch.to(self._world.device).parts(self._accumulate)
        losses = self._update.minimise(self._summed, parts, rates)
        if self._average is not None:
            self._average.add(self.network)
        return losses

    def validate(self, batches: Iterable[Batch]) -> Validation:
        """Measure the network, with averaged weights where averages are kept."""
        # Running statistics of batch normalisation are of the rows that a process saw.
        self._world.share(self.network)
        self.network.eval()
        if self._average is None:
            return self._measure(batches)
        with self._average.put_into(self.network):
            return self._measure(batches)

    def state_dict(self) -> dict[str, Any]:
        state = {"network": self.network.state_dict(), "update": self._update.state_dict()}
        return state if self._average is None else state | {"average": self._average.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._update.load_state_dict(state["update"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])

    def weights(self) -> Mapping[str, Tensor]:
        """Return the state dict of the network, averaged where averages are kept."""
        return self.network.state_dict() if self._average is None else self._average.weights_of(self.network)

    def _norms(self) -> list[nn.BatchNorm2d]:
        return [layer for layer in self.network.modules() if isinstance(layer, nn.BatchNorm2d)]

    def _summed(self, part: Batch) -> Terms:
        return with_sum(self._objective(part))


def with_sum(terms: Terms) -> Terms:
    """Return terms with their sum, "loss", which is what is minimised."""
    return {"loss": torch.stack(list(terms.values())).sum(), **terms}
