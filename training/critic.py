"""The critic of fast.ai's lesson 7 of 2019 (fastai 1.0, `gan_critic`): tells real pictures from generated ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.pixel_ranges import imagenet_normalised
from training.unet_layers import Attention, spectral

_LEAK = 0.2


class Critic(nn.Module):
    """Maps `(n, 3, h, w)` in [0, 1] to verdicts `(n, places)`, logits above 0 where it takes a place for real.

    Strided 4×4 convolutions under spectral normalisation (Miyato et al. 2018): the first, a dense block that doubles
    the channels, `blocks` more that double them again, self-attention after the first of these, and a convolution to
    one channel. Each place of the output sees a part of the picture, and the smallest picture has one place:
    `smallest_side` pixels. Inside, pixels are normalised as ImageNet's, the lesson's range.
    """

    def __init__(self, *, width: int = 128, blocks: int = 3, dropout: float = 0.15) -> None:
        super().__init__()
        self.smallest_side = 4 * 2 ** (blocks + 1)
        layers: list[nn.Module] = [*_halving(3, width), nn.Dropout2d(dropout / 2), Dense(width)]
        width *= 2
        for block in range(blocks):
            attention = [Attention(2 * width)] if block == 0 else []
            layers += [nn.Dropout2d(dropout), *_halving(width, 2 * width), *attention]
            width *= 2
        self.layers = nn.Sequential(*layers, spectral(nn.Conv2d(width, 1, 4, bias=False)))

    def forward(self, images: Tensor) -> Tensor:
        """Judge pictures of at least `smallest_side` pixels each way."""
        if min(images.shape[-2:]) < self.smallest_side:
            raise ValueError(
                f"this critic judges pictures of at least {self.smallest_side} pixels, got {tuple(images.shape[-2:])}; "
                "take larger pictures or crops, or fewer critic blocks"
            )
        return self.layers(imagenet_normalised(images)).flatten(1)


class Dense(nn.Module):
    """Two 3×3 convolutions, whose result is put beside what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(layer for _ in range(2) for layer in (_conv(width, width, 3, 1), nn.LeakyReLU(_LEAK, inplace=True)))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, width, h, w)` to `(n, 2·width, h, w)`."""
        return torch.cat([x, self.layers(x)], dim=1)


def _halving(inward: int, outward: int) -> list[nn.Module]:
    return [_conv(inward, outward, 4, 2), nn.LeakyReLU(_LEAK, inplace=True)]


def _conv(inward: int, outward: int, kernel: int, stride: int) -> nn.Module:
    return spectral(nn.Conv2d(inward, outward, kernel, stride=stride, padding=1))
