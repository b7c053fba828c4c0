"""One step of learning to put pictures into word space, from pictures or from ready features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import Batch, unit_range
from training.devise_losses import Loss, top_1, unit
from training.devise_network import WordSpaceNetwork, features_of, frozen_in_evaluation
from training.distributed import World
from training.optimisation import Update
from training.phases import Phase, Rates
from training.steps import Validation

IMAGES, FEATURES, PLACES = "images", "features", "places"
"""What a batch holds: pictures, uint8, or the backbone's vectors of them, and the places of classes among the seen."""


class DeviseStep:
    """What the loop drives.

    `vectors` of the seen classes, `(k, d)` of length 1, are what the head is to come to, `control` what its twin is.
    """

    def __init__(
        self, network: WordSpaceNetwork, loss: Loss, update: Update, *, vectors: Tensor, control: Tensor, world: World
    ) -> None:
        self.network = network
        self._loss, self._update, self._world = loss, update, world
        self._vectors, self._control = vectors.to(world.device), control.to(world.device)

    def begin_phase(self, phase: Phase) -> None:
        self._update.begin_phase(phase)

    def train_batch(self, batch: Batch, rates: Rates) -> Mapping[str, Tensor]:
        """Take one step; return the head's loss, those of the two it is compared with, and their sum."""
        self.network.train()
        frozen_in_evaluation(self.network.backbone)
        return self._update.minimise(self._objective, [batch.to(self._world.device)], rates)

    def validate(self, batches: Iterable[Batch]) -> Validation:
        """Return the head's loss and accuracy on held-out rows of seen classes, and the classifier's accuracy.

        Unseen classes are not looked at before the end: who stops or tunes by them has seen them.
        """
        self._world.share(self.network)
        self.network.eval()
        sums = torch.zeros(4, device=self._world.device)
        with torch.inference_mode():
            for batch in batches:
                sums += self._judged(batch.to(self._world.device))
        loss, accuracy, softmax, rows = self._world.sum(sums).unbind()
        return Validation({"valid_loss": loss / rows, "seen_hit1": accuracy / rows, "softmax_hit1": softmax / rows})

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "update": self._update.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._update.load_state_dict(state["update"])

    def weights(self) -> Mapping[str, Tensor]:
        """Return the state dict of backbone and heads: a model stands by itself, whatever it was learnt on."""
        return self.network.state_dict()

    def _objective(self, batch: Batch) -> dict[str, Tensor]:
        features, places = self._features(batch), batch[PLACES]
        # Nothing of what only compares is learnt back into the backbone.
        detached = features.detach()
        terms = {
            "devise": self._loss(unit(self.network.head(features)), self._vectors, places),
            "control": self._loss(unit(self.network.control(detached)), self._control, places),
            "softmax": functional.cross_entropy(self.network.softmax(detached).float(), places),
        }
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _features(self, batch: Batch) -> Tensor:
        """Return the backbone's vectors, `(B, dimensions of the backbone)`."""
        if FEATURES in batch.arrays:
            return batch[FEATURES]
        return features_of(self.network, unit_range(batch[IMAGES]))

    def _judged(self, batch: Batch) -> Tensor:
        """Return sums over rows: loss, hits of the head, hits of the classifier, and how many rows."""
        features, places = self._features(batch), batch[PLACES]
        embedded = unit(self.network.head(features))
        figures = [
            self._loss(embedded, self._vectors, places),
            top_1(embedded @ self._vectors.T, places),
            top_1(self.network.softmax(features), places),
            torch.ones((), device=places.device),
        ]
        return torch.stack(figures) * len(batch)
