"""What learning to put pictures into word space minimises and measures, from pictures or from ready features."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import Batch, unit_range
from training.class_rows import IMAGES, TARGETS
from training.devise_data import FEATURES
from training.devise_losses import Loss, top_1, unit
from training.devise_network import WordSpaceNetwork
from training.distributed import World
from training.feature_loss import Terms
from training.steps import Validation


class DeviseObjective:
    """The terms of the loss, and how well held-out rows of seen classes are told apart.

    `vectors` of the seen classes, `(k, d)` of length 1, are what the head is to come to, `control` what its twin is.
    """

    def __init__(
        self, network: WordSpaceNetwork, loss: Loss, *, vectors: Tensor, control: Tensor, world: World
    ) -> None:
        self._network, self._loss, self._world = network, loss, world
        self._vectors, self._control = vectors.to(world.device), control.to(world.device)

    def terms(self, batch: Batch) -> Terms:
        """Return the head's loss, and those of its twin and of the classifier, which teach the backbone nothing."""
        features, targets = self._features(batch), batch[TARGETS]
        detached = features.detach()
        return {
            "devise": self._loss(unit(self._network.head(features)), self._vectors, targets),
            "control": self._loss(unit(self._network.control(detached)), self._control, targets),
            "softmax": functional.cross_entropy(self._network.softmax(detached).float(), targets),
        }

    def measured(self, batches: Iterable[Batch]) -> Validation:
        """Return the head's loss and accuracy on held-out rows of seen classes, and the classifier's accuracy.

        Unseen classes are not looked at before the end: who stops or tunes by them has seen them.
        """
        sums = torch.zeros(4, device=self._world.device)
        with torch.inference_mode():
            for batch in batches:
                sums += self._judged(batch.to(self._world.device))
        loss, accuracy, softmax, rows = self._world.sum(sums).unbind()
        return Validation({"valid_loss": loss / rows, "seen_hit1": accuracy / rows, "softmax_hit1": softmax / rows})

    def _features(self, batch: Batch) -> Tensor:
        """Return the backbone's vectors, `(B, dimensions of the backbone)`."""
        if FEATURES in batch.arrays:
            return batch[FEATURES]
        return self._network.features_of(unit_range(batch[IMAGES]))

    def _judged(self, batch: Batch) -> Tensor:
        """Return sums over rows: loss, hits of the head, hits of the classifier, and how many rows."""
        features, targets = self._features(batch), batch[TARGETS]
        embedded = unit(self._network.head(features))
        figures = [
            self._loss(embedded, self._vectors, targets),
            top_1(embedded @ self._vectors.T, targets),
            top_1(self._network.softmax(features), targets),
            torch.ones((), device=targets.device),
        ]
        return torch.stack(figures) * len(batch)
