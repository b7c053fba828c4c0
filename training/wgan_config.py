"""The settings of the recipe `wgan`, and the phases of the two papers that it follows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from training.augmentation import Flips
from training.averaging import Averaging
from training.optimisers import Optimiser
from training.phases import Phase
from training.settings_checks import require_above_zero, require_counts
from training.wgan_networks import SIDES

Variant = Literal["clip", "penalty"]


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of a run.

    Rows come from `dataset`, prepared images below the roots `slow` and `fast` (else `slow`), at `size` pixels, those
    of one class where `of_class` names it. "grey" makes luma of them and images of one channel.

    `variant` is how the critic's slope is kept within bounds: "clip" by cutting its weights to ±`clip` (Arjovsky et
    al. 2017), "penalty" by a gradient penalty of weight `penalty` (Gulrajani et al. 2017). The generator learns after
    every `n_critic` steps of the critic. `phases` are those of the variant's paper where none are given; two rates in
    a phase are for the generator and the critic. `averaging` is of the generator.

    `noise` numbers make an image; `width` is that of the layers next to the image. `samples` images are measured
    against at most as many rows of the test split.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    dataset: str
    slow: Path
    fast: Path | None = None
    version: int | None = None
    size: int = 64
    of_class: str | None = None
    colour: Literal["rgb", "grey"] = "rgb"

    variant: Variant = "penalty"
    n_critic: int = 5
    clip: float = 0.01
    penalty: float = 10.0
    noise: int = 128
    width: int = 64

    phases: tuple[Phase, ...] | None = None
    batch_size: int = 64
    flips: Flips = "none"
    averaging: Averaging | None = None
    samples: int = 1000

    def __post_init__(self) -> None:
        require_counts(self, "n_critic", "noise", "width", "batch_size", "samples")
        require_above_zero(self, "clip", "penalty")
        if self.size not in SIDES:
            raise ValueError(f"size is one of {', '.join(map(str, SIDES))} pixels, got {self.size}")
        for number, phase in enumerate(self.phases or ()):
            if phase.side is not None or phase.frozen:
                raise ValueError(f"phase {number}: the networks of wgan have one size, and no layers to freeze")

    @property
    def channels(self) -> int:
        """How many channels the networks' images have."""
        return 1 if self.colour == "grey" else 3


def papers_phases(variant: Variant) -> list[Phase]:
    """Return the optimiser and rate of the variant's paper: RMSprop at 5e-5, or Adam at 1e-4 with betas (0, 0.9).

    Both papers count steps of the generator, some 200,000; a hundred epochs are ours.
    """
    if variant == "clip":
        return [Phase(100, 5e-5, Optimiser("rmsprop"), momentum=0.0)]
    return [Phase(100, 1e-4, Optimiser("adam", beta2=0.9), momentum=0.0)]
