"""The super-resolution network of Johnson, Alahi, Fei-Fei 2016, "Perceptual losses for real-time style transfer
and super-resolution", with the changes that keep checkerboards out of its images.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from training.enlarging import bicubic

Upsampling = Literal["nearest", "transposed"]
Norm = Literal["batch", "none"]
Skip = Literal["bicubic", "none"]

_LARGE_KERNEL, _SMALL_KERNEL = 9, 3


class Johnson(nn.Module):
    """9×9 conv, residual blocks, ×2 upsamplings, 9×9 conv, tanh; `(n, 3, h, w)` → `(n, 3, scale·h, scale·w)`.

    The paper's has width 64, four blocks, scale 4 (72 → 288) and `transposed` upsampling. Without `skip`, tanh is
    stretched to [0, 1]; with it, tanh is a correction in [-1, 1] of the bicubic enlargement, so that training
    starts from an image, and the result may leave [0, 1] a little.

    Edges are replicated, not zeros: the enlarged border stays as bright as the image. `norm="none"` suits small
    networks and small batches, and the pixel loss.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        blocks: int = 4,
        scale: int = 4,
        upsampling: Upsampling = "nearest",
        norm: Norm = "batch",
        skip: Skip = "none",
    ) -> None:
        super().__init__()
        if scale < 2 or scale & (scale - 1):
            raise ValueError(f"scale must be a power of two, 2 or more, since each upsampling doubles; got {scale}")
        self.scale = scale
        self._skip = skip
        # A pixel is the sum of so many terms, and Adam moves them all at once: undamped, one step overshoots any
        # correction there is to make. (Width 32 at a rate of 0.001 then gained 0.07 dB in 300 steps, and 1.1 damped.)
        self._gain = (_LARGE_KERNEL**2 * width) ** -0.5
        doublings = scale.bit_length() - 1
        self.layers = nn.Sequential(
            *_conv_norm_relu(3, width, _LARGE_KERNEL, norm),
            *(ResidualBlock(width, norm) for _ in range(blocks)),
            *(layer for _ in range(doublings) for layer in _upsampling(width, upsampling, norm)),
            _conv(width, 3, _LARGE_KERNEL, bias=True),
        )
        self._start(norm)

    def forward(self, small: Tensor) -> Tensor:
        """Map `(n, 3, h, w)` in [0, 1] to the enlarged images, float32 with a skip."""
        drawn = self.layers(2 * small - 1)
        if self._skip == "bicubic":
            return bicubic(small, self.scale) + torch.tanh(self._gain * drawn)
        return (torch.tanh(drawn) + 1) / 2

    def _start(self, norm: Norm) -> None:
        """Set the first weights such that signals neither fade nor grow on their way through the layers."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        # With a skip the first image is the bicubic one. Without a norm, sums would double at each block: like this,
        # blocks start as the identity.
        silent = [self.layers[-1]] if self._skip == "bicubic" else []
        if norm == "none":
            silent += [block.layers[-1] for block in self.layers if isinstance(block, ResidualBlock)]
        for layer in silent:
            nn.init.zeros_(layer.get_parameter("weight"))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions whose result is added to what came in, without a ReLU after it (Gross and Wilber)."""

    def __init__(self, width: int, norm: Norm) -> None:
        super().__init__()
        first, second = (_conv_norm_relu(width, width, _SMALL_KERNEL, norm) for _ in range(2))
        self.layers = nn.Sequential(*first, *second[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Map `(n, width, h, w)` to the same shape."""
        return x + self.layers(x)


def _upsampling(width: int, upsampling: Upsampling, norm: Norm) -> list[nn.Module]:
    """Layers that double height and width.

    "nearest" enlarges, then convolves: every pixel is the sum of equally many terms. "transposed" is the paper's
    3×3 with stride 1/2: places within the period of two have 1, 2 or 4 terms, which shows as a checkerboard.
    """
    if upsampling == "nearest":
        return [nn.Upsample(scale_factor=2, mode="nearest"), *_conv_norm_relu(width, width, _SMALL_KERNEL, norm)]
    if upsampling != "transposed":
        raise ValueError(f"upsampling must be nearest or transposed, got {upsampling!r}")
    stretch = nn.ConvTranspose2d(
        width, width, _SMALL_KERNEL, stride=2, padding=1, output_padding=1, bias=norm == "none"
    )
    return [stretch, *_norm_relu(width, norm)]


def _conv_norm_relu(inward: int, outward: int, kernel: int, norm: Norm) -> list[nn.Module]:
    # Batch normalisation has its own offset.
    return [_conv(inward, outward, kernel, bias=norm == "none"), *_norm_relu(outward, norm)]


def _norm_relu(width: int, norm: Norm) -> list[nn.Module]:
    if norm not in ("batch", "none"):
        raise ValueError(f"norm must be batch or none, got {norm!r}")
    return [*([nn.BatchNorm2d(width)] if norm == "batch" else []), nn.ReLU(inplace=True)]


def _conv(inward: int, outward: int, kernel: int, *, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(inward, outward, kernel, padding=kernel // 2, padding_mode="replicate", bias=bias)
