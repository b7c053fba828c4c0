"""VGG-16 as a judge of images: frozen, in evaluation mode, read at chosen layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from training.pixel_ranges import imagenet_normalised
from training.weights import Weights, load_weights

VggName = Literal["vgg16", "vgg16_bn"]

_NORM = {"vgg16": False, "vgg16_bn": True}


class Extractor(nn.Module):
    """The first layers of a frozen network, run in stages; what each stage gives is a feature map.

    No hooks: a stage ends after each layer of `places`. `label` names the network in metrics, and says so when its
    weights are random.
    """

    def __init__(self, layers: nn.Sequential, places: Sequence[int], *, label: str) -> None:
        super().__init__()
        if list(places) != sorted(set(places)) or not 0 <= places[0] <= places[-1] < len(layers):
            raise ValueError(f"places must rise within 0..{len(layers) - 1}, got {list(places)}")
        self.label = label
        self.places = tuple(places)
        bounds = [0, *(place + 1 for place in places)]
        self.stages = nn.ModuleList(layers[start:stop] for start, stop in pairwise(bounds))
        for stage in self.stages:
            _keep_input(stage)
        self.requires_grad_(requires_grad=False)
        self.eval()

    def train(self, mode: bool = True) -> Extractor:
        """Stay in evaluation mode whatever contains it does: its statistics are part of what it judges by."""
        return super().train(mode=False)

    def forward(self, normalised: Tensor) -> list[Tensor]:
        """Map `(n, 3, h, w)`, normalised as ImageNet's pixels, to the feature map at each place."""
        found = []
        for stage in self.stages:
            normalised = stage(normalised)
            found.append(normalised)
        return found

    def of_unit(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of `(n, 3, h, w)` images in [0, 1]."""
        return self(imagenet_normalised(images))


def vgg_extractor(name: VggName, places: Sequence[int], *, weights: Weights) -> Extractor:
    """Return torchvision's `name`, read after the layers `places` of its features, with weights from a file.

    Raises:
        UnfitWeights: for a file of another network.
    """
    if name not in _NORM:
        raise ValueError(f"the extractor must be one of {', '.join(_NORM)}, got {name!r}")
    from training.torchvision_import import torchvision

    # The layers alone: nine tenths of the whole network are its classifier. D is VGG's table of 16 layers.
    vgg = torchvision.models.vgg
    layers = vgg.make_layers(vgg.cfgs["D"], batch_norm=_NORM[name])
    if weights == "random":
        _start_as_vgg(layers)
    else:
        load_weights(layers, weights, prefix="features.")
    return Extractor(layers, places, label=f"random_{name}" if weights == "random" else name)


def _start_as_vgg(layers: nn.Sequential) -> None:
    """Initialise as torchvision does, so that features neither fade nor grow from layer to layer."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


def _keep_input(stage: nn.Module) -> None:
    """Let a stage leave its input as it is: a ReLU in place would overwrite the feature map that it starts from."""
    first = next(stage.children())
    if isinstance(first, nn.ReLU):
        first.inplace = False
