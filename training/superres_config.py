"""The settings of the recipe `superres`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from training.augmentation import Flips
from training.averaging import Averaging
from training.johnson import Norm, Skip, Upsampling
from training.phases import Phase
from training.precision import Precision
from training.settings_checks import require_counts
from training.weights import Weights


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of a run.

    Rows come from `dataset`, pairs or prepared images, below the roots `slow` and `fast` (else `slow`), at `large` and
    `small` pixels. The
    first `test_rows` of the test split are measured. `phases` are those of the net's authors where none are given;
    a phase's `side` is that of random crops of the large pictures, None leaves them whole.

    `width` to `skip` shape Johnson's network, `encoder_weights` and `attention` the U-Net. Weights are a file of
    torchvision's, or "random"; the extractor's are needed for the perceptual and the feature loss.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    dataset: str
    slow: Path
    fast: Path | None = None
    version: int | None = None
    large: int = 288
    small: int = 72
    test_rows: int = 64

    net: Literal["johnson", "unet"] = "johnson"
    width: int = 64
    blocks: int = 4
    upsampling: Upsampling = "nearest"
    norm: Norm = "batch"
    skip: Skip = "none"
    encoder_weights: Weights | None = None
    attention: Literal["none", "self"] = "none"

    loss: Literal["pixel", "perceptual", "feature"] = "pixel"
    extractor_weights: Weights | None = None
    pixel_weight: float = 0.0

    phases: tuple[Phase, ...] | None = None
    batch_size: int = 16
    accumulate: int = 1
    flips: Flips = "horizontal"
    precision: Precision = "float32"
    clip: float | None = None
    averaging: Averaging | None = None

    def __post_init__(self) -> None:
        if self.large % self.small or self.large <= self.small:
            raise ValueError(f"large has to be a multiple of small, got {self.large} and {self.small}")
        if self.net == "unet" and self.encoder_weights is None:
            raise ValueError("net = 'unet' needs encoder_weights: a file of torchvision's resnet34, or 'random'")
        if self.loss != "pixel" and self.extractor_weights is None:
            name = "vgg16" if self.loss == "perceptual" else "vgg16_bn"
            raise ValueError(
                f"loss = {self.loss!r} needs extractor_weights: a file of torchvision's {name}, or 'random', with "
                "which it is no perceptual loss"
            )
        require_counts(self, "test_rows", "batch_size", "accumulate")

    @property
    def scale(self) -> int:
        """How many times as large the network makes a picture."""
        return self.large // self.small
