"""The networks that restore pictures, by the settings that name them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from training.enlarging import bicubic
from training.optimisation import layer_groups
from training.small_unet import SmallUNet
from training.unet import UNet
from training.weights import Weights, load_weights

RESTORING = ("gan-generator", "gan")
"""The recipes whose models restore pictures."""


@dataclass(frozen=True, slots=True)
class RestorerShape:
    """Which network: "small" of some `width`, or "unet", fast.ai's on a ResNet-34 with `encoder_weights`.

    Weights are a file of torchvision's, or "random".
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    net: Literal["small", "unet"] = "small"
    width: int = 24
    encoder_weights: Weights | None = None
    attention: Literal["none", "self"] = "none"

    def __post_init__(self) -> None:
        if self.net == "unet" and self.encoder_weights is None:
            raise ValueError("net = 'unet' needs encoder_weights: a file of torchvision's resnet34, or 'random'")
        if self.width < 1:
            raise ValueError(f"width must be at least 1, got {self.width}")

    @property
    def trained(self) -> RestorerShape:
        """The same network for weights that are there already: the encoder's own file is not needed any more."""
        return self if self.encoder_weights is None else replace(self, encoder_weights="random")


class Restorer(nn.Module):
    """A network that keeps the size of pictures, after bicubic enlargement where bad pictures are smaller than good."""

    def __init__(self, network: SmallUNet | UNet, *, scale: int) -> None:
        super().__init__()
        self.network = network
        self.scale = scale

    def forward(self, bad: Tensor) -> Tensor:
        """Map `(n, 3, h, w)` in [0, 1] to `(n, 3, scale·h, scale·w)`, about [0, 1], float32."""
        return self.network(bad if self.scale == 1 else bicubic(bad, self.scale))

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """Return the parameters in groups, the shallowest first: three of the U-Net's, one of the small network's."""
        return self.network.layer_groups() if isinstance(self.network, UNet) else layer_groups(self.network)


def make_restorer(shape: RestorerShape, *, scale: int) -> Restorer:
    """Return the network that the settings describe."""
    if shape.net == "small":
        return Restorer(SmallUNet(width=shape.width), scale=scale)
    assert shape.encoder_weights is not None
    return Restorer(UNet(encoder=shape.encoder_weights, attention=shape.attention), scale=scale)


def load_restorer(shape: RestorerShape, weights: Path, *, scale: int, device: torch.device | str = "cpu") -> Restorer:
    """Return a trained network from its weights.pt, in evaluation mode.

    Raises:
        UnfitWeights: the file is damaged, or of other settings.
    """
    network = make_restorer(shape.trained, scale=scale)
    load_weights(network, weights)
    return network.to(device).eval()
