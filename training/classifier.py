"""A backbone with a linear layer on it: learns to tell classes apart by softmax."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storage.records import fingerprint
from training.backbones import Backbone
from training.batches import Batch, unit_range
from training.class_rows import IMAGES, TARGETS
from training.feature_loss import Terms
from training.weights import UnfitWeights, load_weights


class Classifier(nn.Module):
    """Maps `(n, 3, s, s)` in [0, 1] to `(n, classes)`, of which softmax makes probabilities.

    Its weights hold a hash of the classes, so that nobody takes those of one model for those of another.
    """

    class_digest: Tensor

    def __init__(self, backbone: Backbone, classes: Sequence[str]) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.dimensions, len(classes))
        self.register_buffer("class_digest", _digest(classes))

    def forward(self, images: Tensor) -> Tensor:
        """Return the score of each class, `(n, classes)`."""
        return self.head(self.backbone(images))

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """Return the two groups of the backbone, nearest to the input first, and the head."""
        return [*self.backbone.layer_groups(), list(self.head.parameters())]


def cross_entropy(network: Classifier, part: Batch, *, smoothing: float) -> Terms:
    """Return the loss of a batch of pictures with their targets."""
    # Softmax over many classes in bfloat16 loses what tells them apart.
    scores = network(unit_range(part[IMAGES])).float()
    return {"cross_entropy": F.cross_entropy(scores, part[TARGETS], label_smoothing=smoothing)}


def load_classifier(backbone: Backbone, classes: Sequence[str], weights: Path) -> Classifier:
    """Return the trained classifier of a run, in evaluation mode.

    Raises:
        UnfitWeights: the file is damaged, or of another network, or of other classes.
    """
    network = Classifier(backbone, classes)
    load_weights(network, weights)
    if not torch.equal(network.class_digest, _digest(classes)):
        raise UnfitWeights(
            f"{weights} tells {len(classes)} other classes apart; take rows and class split as it was trained with"
        )
    return network.eval()


def _digest(classes: Sequence[str]) -> Tensor:
    return torch.tensor(list(bytes.fromhex(fingerprint(classes))), dtype=torch.uint8)
