"""The U-Net on a ResNet-34 that fast.ai's lesson 7 of 2019 restores images with (fastai 1.0, `unet_learner` with
`blur=True, norm_type=NormType.Weight`), layer by layer; parameter counts are equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.pixel_ranges import imagenet_normalised, imagenet_restored
from training.unet_layers import Attention, ConvRelu, PixelShuffleUpsampling, batch_norm
from training.weights import Weights, load_weights

# Where the lesson's body changes its size, deepest first: the layers of torchvision's ResNet-34 without its head
# are conv, norm, ReLU, pooling and four stages; what each gives has these channels.
_CROSSINGS = ((6, 256), (5, 128), (4, 64), (2, 64))
_CROSSING_PLACES = frozenset(place for place, _ in _CROSSINGS)
_DEEPEST = 512

# The lesson's layer groups: the stem and two stages, two stages, and all that is not the encoder.
_SPLIT = 6


class UNet(nn.Module):
    """Restores images without changing their size: `(n, 3, h, w)` in [0, 1] → the same shape, about [0, 1].

    `encoder` is a file of torchvision's ResNet-34, or "random". Inside, pixels are normalised as ImageNet's, which is
    what the encoder was trained on. Nothing bounds the result; the lesson's has no sigmoid either.
    """

    def __init__(self, *, encoder: Weights, attention: Literal["none", "self"] = "none") -> None:
        super().__init__()
        self.encoder = resnet34_body(encoder)
        self.middle = nn.Sequential(
            batch_norm(_DEEPEST), nn.ReLU(), ConvRelu(_DEEPEST, 2 * _DEEPEST), ConvRelu(2 * _DEEPEST, _DEEPEST)
        )
        self.ascent = nn.ModuleList()
        width = _DEEPEST
        for place, (_, crossing) in enumerate(_CROSSINGS):
            is_last = place == len(_CROSSINGS) - 1
            block = CrossingBlock(width, crossing, halves=is_last, attends=attention == "self" and place == 1)
            self.ascent.append(block)
            width = block.width
        self.full_size = PixelShuffleUpsampling(width, width, blur="none")
        width += 3
        self.last = nn.Sequential(ConvRelu(width, width), ConvRelu(width, width))
        self.to_pixels = ConvRelu(width, 3, kernel=1, relu="none")

    def forward(self, images: Tensor) -> Tensor:
        """Restore `(n, 3, h, w)` of any height and width."""
        normalised = imagenet_normalised(images)
        crossings: dict[int, Tensor] = {}
        x = normalised
        for place, layer in enumerate(self.encoder):
            x = layer(x)
            if place in _CROSSING_PLACES:
                crossings[place] = x
        x = self.middle(x)
        for block, (place, _) in zip(self.ascent, _CROSSINGS, strict=True):
            x = block(x, crossings[place])
        x = fitted(self.full_size(x), normalised)
        x = torch.cat([x, normalised], dim=1)
        return imagenet_restored(self.to_pixels(x + self.last(x)).float())

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """Return the parameters in the lesson's three groups, shallowest first, each with its learning rate."""
        shallow, deep = self.encoder[:_SPLIT], self.encoder[_SPLIT:]
        rest = (module for name, module in self.named_children() if name != "encoder")
        return [_parameters([shallow]), _parameters([deep]), _parameters(rest)]


class CrossingBlock(nn.Module):
    """Doubles what comes from below, joins what crosses from the encoder, and convolves twice."""

    def __init__(self, below: int, crossing: int, *, halves: bool, attends: bool) -> None:
        super().__init__()
        joined = below // 2 + crossing
        self.width = joined // 2 if halves else joined
        self.upsampling = PixelShuffleUpsampling(below, below // 2, blur="average")
        self.norm = batch_norm(crossing)
        self.layers = nn.Sequential(
            nn.ReLU(),
            ConvRelu(joined, self.width),
            ConvRelu(self.width, self.width),
            *([Attention(self.width)] if attends else []),
        )

    def forward(self, x: Tensor, crossing: Tensor) -> Tensor:
        """Map `(n, below, h, w)` to `(n, width, H, W)`, the size of `crossing`, about twice as large."""
        return self.layers(torch.cat([fitted(self.upsampling(x), crossing), self.norm(crossing)], dim=1))


def resnet34_body(weights: Weights) -> nn.Sequential:
    """Return torchvision's ResNet-34 without its pooling and classifier.

    Raises:
        UnfitWeights: the file is of another network.
    """
    from training.torchvision_import import torchvision

    network = torchvision.models.resnet34()
    network.fc = nn.Identity()  # type: ignore[assignment] # it has no use here, nor have its weights in the file
    if weights != "random":
        load_weights(network, weights)
    return nn.Sequential(*list(network.children())[:-2])


def fitted(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` at the height and width of `like`, which differ where a size was odd on the way down."""
    size = like.shape[-2:]
    return x if x.shape[-2:] == size else F.interpolate(x, size, mode="nearest")


def _parameters(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    return list(chain.from_iterable(module.parameters() for module in modules))
