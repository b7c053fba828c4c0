"""Generator and critic after DCGAN (Radford, Metz, Chintala 2015) for images of 8 to 64 pixels: noise → image → score.

Both halve or double the side until 8 or fewer pixels are left. Images are in [0, 1] on both sides, as everywhere.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

CriticNorm = Literal["batch", "layer", "none"]
# Radford et al.: the slope of the critic's activations, and the deviation that weights begin with.
_SLOPE, _DEVIATION = 0.2, 0.02

_FIRST = 4, 8
"""The fewest pixels that halving stops at, and the most that it may leave."""


class Generator(nn.Module):
    """Noise `(n, noise)` → images `(n, channels, side, side)` in [0, 1]; `width` channels before the last layer.

    DCGAN's layers with batch norm, but doubled by nearest neighbours and a 3×3 convolution: its transposed convolution
    leaves a checkerboard. A sigmoid stands for tanh, since images are in [0, 1]; it is tanh stretched.
    """

    def __init__(self, *, side: int, channels: int, noise: int, width: int) -> None:
        super().__init__()
        self.channels = channels
        first, doublings = _scales(side)
        wide = width * 2 ** (doublings - 1)
        layers: list[nn.Module] = [
            nn.Linear(noise, wide * first * first, bias=False),
            nn.Unflatten(1, (wide, first, first)),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
        ]
        for number in reversed(range(doublings)):
            narrow = width * 2 ** max(0, number - 1)
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(wide, narrow, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(narrow), nn.ReLU()]
            wide = narrow
        self.layers = nn.Sequential(*layers, nn.Conv2d(wide, channels, 3, padding=1), nn.Sigmoid())
        _begin(self)

    def forward(self, noise: Tensor) -> Tensor:
        return self.layers(noise)


class Critic(nn.Module):
    """Images `(n, channels, side, side)` in [0, 1] → scores `(n,)`, any numbers: how real, up to a constant.

    Strided convolutions, leaky activations, no sigmoid; before them a convolution at full size, without which 8 pixels
    would leave a single layer. A gradient penalty is one of each image alone, so that `norm="batch"`, which mixes
    images, does not go with it.
    """

    def __init__(self, *, side: int, channels: int, width: int, norm: CriticNorm) -> None:
        super().__init__()
        last, halvings = _scales(side)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(_SLOPE)]
        for number in range(halvings):
            before, after = width * 2 ** max(0, number - 1), width * 2**number
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), *_normalised(after, norm)]
            layers += [nn.LeakyReLU(_SLOPE)]
        wide = width * 2 ** (halvings - 1)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide * last * last, 1))
        _begin(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images * 2 - 1).squeeze(1)


def _scales(side: int) -> tuple[int, int]:
    """Return the side that doubling begins with, and how often it doubles up to `side`.

    Raises:
        ValueError: no such number of doublings ends there.
    """
    if side not in SIDES:
        raise ValueError(f"the networks are for images of {', '.join(map(str, SIDES))} pixels, not of {side}")
    return _halved(side)


def _halved(side: int) -> tuple[int, int]:
    """Return what is left when a side has been halved as long as that gives whole pixels, and how often."""
    times = 0
    while side % 2 == 0 and side > _FIRST[0]:
        side, times = side // 2, times + 1
    return side, times


SIDES = tuple(side for side in range(8, 65) if _halved(side)[0] <= _FIRST[1] and _halved(side)[1])
"""Sides of images that there are networks for, in pixels."""


def _normalised(channels: int, norm: CriticNorm) -> list[nn.Module]:
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    # One group of all channels is layer norm over an image.
    return [nn.GroupNorm(1, channels)] if norm == "layer" else []


def _begin(network: nn.Module) -> None:
    """Draw the weights that DCGAN begins with, from torch's generator."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, _DEVIATION)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, _DEVIATION)
            nn.init.zeros_(layer.bias)
