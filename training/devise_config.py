"""The settings of the recipe `devise`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from storage.tiers import Tiers
from training.augmentation import Flips
from training.backbones import WIDTH, BackboneName
from training.devise_losses import LossName
from training.phases import Phase
from training.precision import Precision
from training.settings_checks import require_above_zero, require_counts
from training.weights import Weights

HeadKind = Literal["linear", "hidden"]

HIDDEN = 1024
"""Of the head with one hidden layer: fast.ai's lesson."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of a run.

    It learns from the seen classes of split number `split` of the class splits `splits` (`splits-<dataset>` unless
    told) of `dataset`, whose vectors are those of the word maps `words`, each drawn by `hypernym_weight` towards what
    its noun is a kind of (`tasks.ops.word_space`; the paper's are as they are, 0). The backbone is a `network`, of
    `width` if it is the small one. It begins as a registered model of the recipes backbone or devise,
    `start=backbone@current`, the heads too if that is one of devise; or with `weights`, a file of torchvision's.

    With `features`, a dataset of features that `start` made, only heads learn, on those. Else the rows at `size`
    pixels are read, and what learns is a matter of phases: the backbone has two layer groups, the heads are the third.

    Pictures are cut to random squares of `crop` pixels, a phase's `side` if it has one, flipped by `flips`, and their
    colours changed by `jitter`; features are taken as they are. `margin` belongs to the hinge loss, `scale` to the
    softmax over cosines. `rows_per_class` bounds what is measured.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    dataset: str
    slow: Path
    fast: Path | None = None
    version: int | None = None
    words: str = "words"
    words_version: int | None = None
    hypernym_weight: float = 0.0
    splits: str | None = None
    splits_version: int | None = None
    split: int = 0

    start: str | None = None
    network: BackboneName = "resnet50"
    width: int = WIDTH
    weights: Weights = "random"
    features: str | None = None
    features_version: int | None = None
    size: int = 224

    head: HeadKind = "linear"
    hidden: int = HIDDEN
    dropout: float = 0.0
    loss: LossName = "softmax"
    margin: float = 0.1
    scale: float = 16.0

    phases: tuple[Phase, ...] | None = None
    batch_size: int = 64
    crop: int | None = None
    flips: Flips = "horizontal"
    jitter: float = 0.2
    precision: Precision = "float32"
    clip: float | None = None
    rows_per_class: int = 50

    def __post_init__(self) -> None:
        if self.start is not None and self.weights != "random":
            raise ValueError(
                f"the network begins either with those of start={self.start} or with weights, not with both"
            )
        if self.features is not None and self.start is None:
            raise ValueError("features are of a model: name the one that made them, such as start=backbone@current")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")
        require_above_zero(self, "margin", "scale")
        if not self.hypernym_weight >= 0:
            raise ValueError(f"hypernym_weight cannot be below 0, got {self.hypernym_weight}")
        require_counts(self, "size", "hidden", "batch_size", "rows_per_class", "width")

    @property
    def splits_name(self) -> str:
        """The dataset of the class splits."""
        return self.splits or f"splits-{self.dataset}"


def tiers_of(config: Config) -> Tiers:
    """Return the roots of a run."""
    return Tiers(config.slow, config.fast or config.slow)
