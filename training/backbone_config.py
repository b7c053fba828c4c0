"""The settings of the recipe `backbone`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from training.augmentation import Flips
from training.averaging import Averaging
from training.backbones import WIDTH, BackboneName
from training.phases import Phase
from training.precision import Precision
from training.ramps import discriminative
from training.schedules import one_cycle
from training.settings_checks import require_counts
from training.weights import Weights

_GROUPS = 3
_DECAY = 0.05
# How much slower the layers nearest to the input of a pre-trained network learn than its new head.
_SLOWER = 30.0


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of a run.

    Rows come from `dataset` below the roots `slow` and `fast` (else `slow`), at `size` pixels. All its classes are
    learnt, or the seen ones of the class split of the seed `split` in the dataset of `splits`. The first `test_rows` of
    the held-out rows are measured.

    `network` is "small" of `width`, or a ResNet of torchvision's; `weights` a file for it, or "random". Without
    `phases` there is one cycle of `epochs` up to `learning_rate`; for a network with weights from a file, the head
    alone learns for a fifth of them first, and the layers below it at lower rates after that.

    Pictures are cut to random squares of `crop` pixels, a phase's `side` if it has one, flipped by `flips`, and their
    colours changed by `jitter`; `label_smoothing` of each target is spread over all classes.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    dataset: str
    slow: Path
    fast: Path | None = None
    version: int | None = None
    size: int = 64
    splits: str | None = None
    splits_version: int | None = None
    split: int = 0
    test_rows: int = 5000

    network: BackboneName = "small"
    width: int = WIDTH
    weights: Weights = "random"

    epochs: float = 20.0
    learning_rate: float = 3e-3
    phases: tuple[Phase, ...] | None = None
    batch_size: int = 64
    accumulate: int = 1
    crop: int | None = None
    flips: Flips = "horizontal"
    jitter: float = 0.2
    label_smoothing: float = 0.1
    precision: Precision = "float32"
    clip: float | None = None
    averaging: Averaging | None = None

    def __post_init__(self) -> None:
        require_counts(self, "size", "test_rows", "width", "batch_size", "accumulate")
        if not (self.epochs > 0 and self.learning_rate > 0):
            raise ValueError(f"epochs and learning_rate are above 0, got {self.epochs} and {self.learning_rate}")
        if self.crop is not None and not 0 < self.crop <= self.size:
            raise ValueError(f"a crop is at most the size of the pictures, {self.size}, got {self.crop}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing lies in [0, 1), got {self.label_smoothing}")


def phases_of(config: Config) -> list[Phase]:
    """Return the phases of a run: those that the settings name, else one cycle."""
    if config.phases is not None:
        return list(config.phases)
    whole = Phase(config.epochs, config.learning_rate, weight_decay=_DECAY)
    if config.weights == "random":
        return one_cycle(whole)
    head = Phase(config.epochs / 5, config.learning_rate, weight_decay=_DECAY, frozen=_GROUPS - 1)
    rates = discriminative(config.learning_rate / _SLOWER, config.learning_rate, _GROUPS)
    rest = Phase(config.epochs * 4 / 5, rates, weight_decay=_DECAY)
    return [*one_cycle(head), *one_cycle(rest)]
