"""What the U-Net is built of: weight-normalised convolutions, pixel shuffles that start even, self-attention."""

from __future__ import annotations

from typing import Literal, TypeVar

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

Conv = TypeVar("Conv", nn.Conv1d, nn.Conv2d)


def batch_norm(width: int) -> nn.BatchNorm2d:
    """Return a batch normalisation with fastai's first offset of 0.001."""
    norm = nn.BatchNorm2d(width)
    nn.init.constant_(norm.bias, 1e-3)
    return norm


class ConvRelu(nn.Sequential):
    """A weight-normalised convolution that keeps the size, and a ReLU where asked."""

    def __init__(self, inward: int, outward: int, *, kernel: int = 3, relu: Literal["after", "none"] = "after") -> None:
        conv = nn.Conv2d(inward, outward, kernel, padding=kernel // 2)
        nn.init.kaiming_normal_(conv.weight)
        _without_bias(conv)
        super().__init__(weight_norm(conv), *([nn.ReLU(inplace=True)] if relu == "after" else []))


class PixelShuffleUpsampling(nn.Module):
    """Doubles height and width: a 1×1 convolution to four times the channels, which become squares of 2×2 pixels.

    The four start with equal weights (ICNR: Aitken et al. 2017, "Checkerboard artifact free sub-pixel
    convolution"), so that the first images are those of nearest-neighbour enlargement. They are made equal before
    weight normalisation takes the weights apart: fastai 1.0 sets them afterwards, and the first step undoes it.
    `blur="average"` takes the mean of each 2×2 pixels afterwards (Sugawara, Shiota, Kiya 2018).
    """

    def __init__(self, inward: int, outward: int, *, blur: Literal["average", "none"]) -> None:
        super().__init__()
        conv = nn.Conv2d(inward, 4 * outward, kernel_size=1)
        start_even(conv)
        self.conv = weight_norm(conv)
        self._blur = blur

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, inward, h, w)` to `(n, outward, 2h, 2w)`."""
        x = F.pixel_shuffle(F.relu(self.conv(x), inplace=True), 2)
        if self._blur == "none":
            return x
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


def start_even(conv: nn.Conv2d) -> None:
    """Give the four channels that become one square of 2×2 pixels the same weights, and no bias."""
    weight = conv.weight.new_empty(conv.out_channels // 4, *conv.weight.shape[1:])
    nn.init.kaiming_normal_(weight)
    # pixel_shuffle takes channels 4c to 4c + 3 for the square of channel c.
    conv.weight.data.copy_(weight.repeat_interleave(4, dim=0))
    _without_bias(conv)


class Attention(nn.Module):
    """Lets every place look at all others (Zhang et al. 2018, "Self-attention GANs"); starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.asked = spectral(nn.Conv1d(width, width // 8, 1, bias=False))
        self.offered = spectral(nn.Conv1d(width, width // 8, 1, bias=False))
        self.given = spectral(nn.Conv1d(width, width, 1, bias=False))
        self.share = nn.Parameter(self.given.weight.new_zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, width, h, w)` to the same shape; memory grows with h·w where the device fuses attention."""
        places = x.flatten(2)
        asked, offered, given = (layer(places).transpose(1, 2) for layer in (self.asked, self.offered, self.given))
        # The paper divides by no root of the width.
        seen = F.scaled_dot_product_attention(asked, offered, given, scale=1.0)
        return x + self.share * seen.transpose(1, 2).reshape(x.shape)


def spectral(conv: Conv) -> Conv:
    """Normalise a convolution's weight by its largest singular value; passes in training mode change its buffers."""
    nn.init.kaiming_normal_(conv.weight)
    _without_bias(conv)
    spectral_norm(conv)
    return conv


def _without_bias(conv: nn.Conv1d | nn.Conv2d) -> None:
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
