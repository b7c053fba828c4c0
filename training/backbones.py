"""Networks that turn pictures into vectors: torchvision's ResNets without their classifier, and a small one of ours.

What comes before the last layer of a classifier is what other recipes learn from, and what features are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from training.pixel_ranges import imagenet_normalised
from training.weights import UnfitWeights, Weights, load_weights, read_state

BackboneName = Literal["small", "resnet18", "resnet34", "resnet50"]
BACKBONES: tuple[BackboneName, ...] = ("small", "resnet18", "resnet34", "resnet50")

BACKBONE_PREFIX = "backbone."
"""What the names of a backbone's weights begin with in `weights.pt` of a recipe that trains one: its attribute."""

WIDTH = 32
"""Channels of the small network's first stage, where nothing else is said."""

# Factors of the width in the stages of the small network; each halves height and width.
_STAGES = (1, 2, 4, 8)


class Backbone(nn.Module):
    """Maps `(n, 3, s, s)` in [0, 1] to `(n, dimensions)`, the mean over all places of the last feature map.

    Pixels are normalised inside, as ImageNet's. Of `groups`, the names of children of `network`, the parameters learn
    together: `layer_groups`. `least_side` is the smallest side in pixels that leaves something to look at.
    """

    def __init__(
        self, network: nn.Module, *, dimensions: int, groups: Sequence[Sequence[str]], least_side: int
    ) -> None:
        super().__init__()
        self.network = network
        self.dimensions, self.least_side = dimensions, least_side
        self._groups = tuple(map(tuple, groups))

    def forward(self, images: Tensor) -> Tensor:
        """Map `(n, 3, s, s)` in [0, 1] to `(n, dimensions)`."""
        return self.network(imagenet_normalised(images))

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """Return the parameters in two groups, those nearest to the input first; a head is the third."""
        parts = dict(self.network.named_children())
        return [list(chain.from_iterable(parts[name].parameters() for name in names)) for names in self._groups]


@dataclass(frozen=True, slots=True)
class _ResNet:
    """What a ResNet of torchvision is called there, and how long its vectors are."""

    make: str
    dimensions: int


_RESNETS = {
    "resnet18": _ResNet("resnet18", 512),
    "resnet34": _ResNet("resnet34", 512),
    "resnet50": _ResNet("resnet50", 2048),
}
_RESNET_GROUPS = (("conv1", "bn1", "layer1", "layer2"), ("layer3", "layer4"))
# Stem and stages halve five times.
_RESNET_LEAST_SIDE = 32


def make_backbone(name: str, weights: Weights = "random", *, width: int = WIDTH) -> Backbone:
    """Return a network by its name, one of `BACKBONES`, with weights from a file or as it was initialised.

    A file is torchvision's, which fits ResNets, or `weights.pt` of a recipe that trains a backbone. `width` shapes
    the small network and nothing else.

    Raises:
        ValueError: there is no such network, or the width is below 1.
        UnfitWeights: the file is damaged, or of another network.
        FileNotFoundError: there is no such file.
    """
    if name == "small":
        backbone = _small(width)
    elif name in _RESNETS:
        backbone = _resnet(_RESNETS[name])
    else:
        raise ValueError(f"there is no backbone {name!r}; there are: {', '.join(BACKBONES)}")
    if weights != "random":
        _load(backbone, weights, name=name)
    # Pictures come channels last in memory; the weights alike save a quarter to a third of the time on a CPU.
    return backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it


def _resnet(kind: _ResNet) -> Backbone:
    from training.torchvision_import import torchvision

    network = getattr(torchvision.models, kind.make)()
    network.fc = nn.Identity()
    return Backbone(network, dimensions=kind.dimensions, groups=_RESNET_GROUPS, least_side=_RESNET_LEAST_SIDE)


def _small(width: int) -> Backbone:
    if width < 1:
        raise ValueError(f"the width of a network is at least 1 channel, got {width}")
    return Backbone(
        SmallNetwork(width),
        dimensions=_STAGES[-1] * width,
        groups=(("stem", "stage1", "stage2"), ("stage3", "stage4")),
        least_side=2 ** len(_STAGES),
    )


def _load(backbone: Backbone, path: Weights, *, name: str) -> None:
    """Fill a backbone from a file of ours or, if it is a ResNet, of torchvision's."""
    assert path != "random"
    if any(each.startswith(BACKBONE_PREFIX) for each in read_state(path)):
        load_weights(backbone, path, prefix=BACKBONE_PREFIX)
    elif name in _RESNETS:
        load_weights(backbone.network, path)
    else:
        raise UnfitWeights(
            f"{path} holds no backbone: none of its names begins with {BACKBONE_PREFIX!r}; give weights.pt of a run "
            "of the recipe backbone"
        )


class SmallNetwork(nn.Module):
    """A residual network for pictures of 32 to 64 pixels on a CPU: `(n, 3, s, s)` → `(n, 8 · width)`.

    A convolution at full size and four stages of one block each (He et al. 2016, "Identity mappings in deep residual
    networks", gives their order), of which each halves the sides; then the mean over all places. Forward and backward
    take about 1.5 ms of one core for a picture of 32 pixels at width 32, and 8 ms at 64 pixels.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        widths = [width, *(factor * width for factor in _STAGES)]
        for number, (inward, outward) in enumerate(pairwise(widths), start=1):
            self.add_module(f"stage{number}", ResidualHalving(inward, outward))
        self.stages = tuple(f"stage{number}" for number in range(1, len(widths)))

    def forward(self, normalised: Tensor) -> Tensor:
        """Map `(n, 3, s, s)` to `(n, 8 · width)`."""
        x = self.stem(normalised)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return x.mean(dim=(2, 3))


class ResidualHalving(nn.Module):
    """Two 3×3 convolutions, the first of which halves the sides, beside the average of each 2×2 places.

    The averages in the short cut are those of He et al. 2019, "Bag of tricks for image classification", figure 2c:
    a 1×1 convolution of stride 2 would drop three places of four. The last normalisation starts at 0 (Goyal et al.
    2017, section 5.1), so that at first only the short cut speaks.
    """

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        last = nn.BatchNorm2d(outward)
        nn.init.zeros_(last.weight)
        self.straight = nn.Sequential(
            _conv(inward, outward, 3, stride=2),
            nn.BatchNorm2d(outward),
            nn.ReLU(inplace=True),
            _conv(outward, outward, 3),
            last,
        )
        # Rounded up as a convolution of stride 2 does where a side is odd.
        self.short = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), _conv(inward, outward, 1), nn.BatchNorm2d(outward))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, inward, h, w)` to `(n, outward, ⌈h/2⌉, ⌈w/2⌉)`."""
        return torch.relu(self.short(x) + self.straight(x))


def _conv(inward: int, outward: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without a bias, which the normalisation after it has."""
    conv = nn.Conv2d(inward, outward, kernel, stride=stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv
