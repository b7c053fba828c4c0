"""The network of the recipe `devise`: a backbone, the head into word space, and two heads that it is compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from training.backbones import BACKBONE_PREFIX, Backbone, make_backbone
from training.devise_config import HIDDEN, Config, HeadKind
from training.devise_losses import unit
from training.weights import UnfitWeights, load_weights, read_state

_LAST_LAYER = {"linear": 1, "hidden": 3}


class WordSpaceNetwork(nn.Module):
    """Maps pictures, `(n, 3, s, s)` in [0, 1], to word space: `(n, dimensions)` of length 1.

    Beside `head` it has `softmax`, a classifier of the `seen` classes, and `control`, a second head that learns other
    classes' vectors. Both take features through which nothing is learnt back, so that what `head` and the backbone
    learn is the same with them and without.
    """

    def __init__(
        self, backbone: Backbone, *, kind: HeadKind, dropout: float, dimensions: int, seen: int, hidden: int = HIDDEN
    ) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.backbone = backbone
        self.head = make_head(kind, backbone.dimensions, dimensions, dropout=dropout, hidden=hidden)
        self.control = make_head(kind, backbone.dimensions, dimensions, dropout=dropout, hidden=hidden)
        self.softmax = nn.Linear(backbone.dimensions, seen)

    def forward(self, images: Tensor) -> Tensor:
        """Map `(n, 3, s, s)` in [0, 1] to `(n, dimensions)` of length 1."""
        return unit(self.head(self.features_of(images)))

    def features_of(self, images: Tensor) -> Tensor:
        """Return what the backbone makes of pictures, `(n, backbone.dimensions)`.

        Where nothing of the backbone learns, what gradients would need is not kept.
        """
        learns = any(each.requires_grad for each in self.backbone.parameters())
        with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
            return self.backbone(images)

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """Return the backbone's groups, those nearest to the input first, then all heads as one."""
        return [*self.backbone.layer_groups(), self.head_parameters()]

    def head_parameters(self) -> list[nn.Parameter]:
        """Return what learns on ready features."""
        return [*self.head.parameters(), *self.control.parameters(), *self.softmax.parameters()]


def make_head(kind: HeadKind, inward: int, outward: int, *, dropout: float, hidden: int) -> nn.Module:
    """Return a linear map (Frome et al. 2013), or one with a hidden layer (fast.ai): `(n, inward)` → `(n, outward)`."""
    if kind == "linear":
        # Without dropout the paper's; a share of features that is left out in training is a regulariser of ours.
        return nn.Sequential(nn.Dropout(dropout), nn.Linear(inward, outward))
    return nn.Sequential(nn.Linear(inward, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outward))


def make_network(config: Config, *, dimensions: int, seen: int) -> WordSpaceNetwork:
    """Return the network that the settings describe, its backbone with their weights, its heads as initialised."""
    backbone = make_backbone(config.network, config.weights, width=config.width)
    return WordSpaceNetwork(
        backbone, kind=config.head, dropout=config.dropout, dimensions=dimensions, seen=seen, hidden=config.hidden
    )


def begin_as(network: WordSpaceNetwork, model: Path) -> None:
    """Fill the backbone from the weights.pt of a registered model, the heads too if it has them.

    Raises:
        UnfitWeights: that is another network.
    """
    if any(name.startswith("control.") for name in read_state(model)):
        load_weights(network, model)
    else:
        load_weights(network.backbone, model, prefix=BACKBONE_PREFIX)


def finished_network(config: Config, weights: Path) -> WordSpaceNetwork:
    """Return the network of a finished run in evaluation mode, from its settings and weights alone.

    Raises:
        UnfitWeights: the file is damaged, or of other settings.
    """
    state = read_state(weights)
    biases = [name for name in (f"head.{_LAST_LAYER[config.head]}.bias", "softmax.bias") if name in state]
    if len(biases) < 2:
        raise UnfitWeights(
            f"{weights} has no head of the kind {config.head!r}: it is of another recipe or other settings"
        )
    dimensions, seen = (len(state[name]) for name in biases)
    # The file of the backbone's weights need not be there any more.
    network = make_network(replace(config, weights="random"), dimensions=dimensions, seen=seen)
    load_weights(network, weights)
    return network.eval()
