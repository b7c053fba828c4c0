"""A U-Net of a few hundred thousand weights that restores images: for a CPU, and for pictures of 48 to 96 pixels."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from training.unet import fitted
from training.unet_layers import start_even

_LEVELS = 3


class SmallUNet(nn.Module):
    """Restores images without changing their size: `(n, 3, h, w)` in [0, 1] → the same shape, about [0, 1].

    It learns what to add to an image, and begins with nothing. Most of its work is at a quarter of the size, where it
    looks far enough to fill what a number hid; at full size, which costs sixteen times as much, there are three
    convolutions. No normalisation: a batch of few small pictures has no statistics worth the name.
    """

    def __init__(self, *, width: int = 24) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(_LEVELS)]
        self.first = nn.Sequential(_conv(3, width), nn.ReLU(inplace=True))
        self.descent = nn.ModuleList(Descent(above, below) for above, below in pairwise(widths))
        self.middle = nn.Sequential(*(Residual(widths[-1]) for _ in range(2)))
        self.ascent = nn.ModuleList(Ascent(below, above) for below, above in pairwise(widths[::-1]))
        self.to_pixels = _conv(width, 3)
        nn.init.zeros_(self.to_pixels.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Restore `(n, 3, h, w)` of any height and width."""
        crossings = [self.first(2 * images - 1)]
        for down in self.descent:
            crossings.append(down(crossings[-1]))
        x = self.middle(crossings.pop())
        for up in self.ascent:
            x = up(x, crossings.pop())
        return images + self.to_pixels(x).float()


class Descent(nn.Module):
    """Halves height and width, then one residual block."""

    def __init__(self, above: int, below: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_conv(above, below, stride=2), nn.ReLU(inplace=True), Residual(below))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, above, h, w)` to `(n, below, h/2, w/2)`, halves rounded up."""
        return self.layers(x)


class Ascent(nn.Module):
    """Doubles height and width by pixel shuffle, joins what crosses at that size, and convolves."""

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.up = nn.Conv2d(below, 4 * above, 1)
        start_even(self.up)
        self.layers = nn.Sequential(_conv(2 * above, above), nn.ReLU(inplace=True))

    def forward(self, x: Tensor, crossing: Tensor) -> Tensor:
        """Map `(n, below, h, w)` to `(n, above, H, W)`, the size of `crossing`, about twice as large."""
        larger = torch.relu(nn.functional.pixel_shuffle(self.up(x), 2))
        return self.layers(torch.cat([fitted(larger, crossing), crossing], dim=1))


class Residual(nn.Module):
    """Two convolutions whose result is added to what came in; it begins as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_conv(width, width), nn.ReLU(inplace=True), _conv(width, width))
        nn.init.zeros_(self.layers[-1].get_parameter("weight"))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, width, h, w)` to the same shape."""
        return x + self.layers(x)


def _conv(inward: int, outward: int, *, stride: int = 1) -> nn.Conv2d:
    # Replicated edges: with zeros, the border of a picture would look like an object.
    conv = nn.Conv2d(inward, outward, 3, stride=stride, padding=1, padding_mode="replicate")
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv
