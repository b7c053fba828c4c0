"""The settings of the three recipes of the restoration GAN: its generator, its critic, and both against each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from training.augmentation import Flips
from training.phases import Phase
from training.precision import Precision
from training.restorers import RestorerShape
from training.settings_checks import require_above_zero, require_counts


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """Settings of `gan-generator`.

    Rows come from `dataset`, pairs or prepared images, below the roots `slow` and `fast` (else `slow`): good pictures
    of `large` pixels, bad ones of `small`. The first `test_rows` of the test split are measured. `defects` are those
    of the pairs, and filled in. `phases` are the lesson's where none are given; a phase's `side` is that of random
    crops of the good pictures, None leaves them whole.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    dataset: str
    slow: Path
    fast: Path | None = None
    version: int | None = None
    defects: tuple[str, ...] | None = None
    large: int = 128
    small: int = 128
    test_rows: int = 64

    network: RestorerShape = field(default_factory=RestorerShape)

    phases: tuple[Phase, ...] | None = None
    batch_size: int = 32
    accumulate: int = 1
    flips: Flips = "horizontal"
    precision: Precision = "float32"
    clip: float | None = None

    def __post_init__(self) -> None:
        _check_sides(self.large, self.small)
        require_counts(self, "test_rows", "batch_size", "accumulate")

    @property
    def scale(self) -> int:
        """How many times as large as the bad pictures the good ones are; 1 as a rule."""
        return self.large // self.small


@dataclass(frozen=True, slots=True)
class CriticShape:
    """What `training.critic.Critic` is made with; these are fastai's numbers."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    width: int = 128
    blocks: int = 3
    dropout: float = 0.15

    def __post_init__(self) -> None:
        require_counts(self, "width", "blocks")
        # Self-attention after the first block asks with an eighth of its 4 · width channels.
        if self.width % 2:
            raise ValueError(f"width must be even, got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share below 1, got {self.dropout}")


@dataclass(frozen=True, slots=True)
class CriticConfig:
    """Settings of `gan-critic`.

    `dataset` holds pairs whose good pictures are real and whose bad ones a generator made, `side` pixels each, as
    `restore-rows` publishes them. All else is as for `gan-generator`.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    dataset: str
    slow: Path
    fast: Path | None = None
    version: int | None = None
    side: int = 128
    test_rows: int = 64

    network: CriticShape = field(default_factory=CriticShape)

    phases: tuple[Phase, ...] | None = None
    batch_size: int = 32
    accumulate: int = 1
    flips: Flips = "horizontal"
    precision: Precision = "float32"
    clip: float | None = None

    def __post_init__(self) -> None:
        require_counts(self, "side", "test_rows", "batch_size", "accumulate")

    @property
    def large(self) -> int:
        """The side of the real pictures."""
        return self.side

    @property
    def small(self) -> int:
        """The side of the generated pictures, which is the same."""
        return self.side


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of `gan`: a registered generator and a registered critic learn from one another.

    Rows are those of `gan-generator`. `generator` and `critic` are models: a name, `name@current` or `name@3`; their
    versions and the `network` of the generator are filled in. After each step of the generator the critic learns until
    its smoothed loss is below `threshold`, `most_critic_steps` at most, at `critic_rate` times the learning rate. The
    weights are the lesson's, for pixels normalised as ImageNet's (`training.gan_losses`).
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    dataset: str
    slow: Path
    fast: Path | None = None
    version: int | None = None
    defects: tuple[str, ...] | None = None
    large: int = 128
    small: int = 128
    test_rows: int = 64

    generator: str = "gan-generator"
    generator_version: int | None = None
    network: RestorerShape | None = None
    critic: str = "gan-critic"
    critic_version: int | None = None
    critic_network: CriticShape | None = None

    critic_weight: float = 1.0
    pixel_weight: float = 50.0
    threshold: float = 0.65
    most_critic_steps: int = 5
    critic_rate: float = 5.0

    phases: tuple[Phase, ...] | None = None
    batch_size: int = 32
    flips: Flips = "horizontal"
    precision: Precision = "float32"
    clip: float | None = None

    def __post_init__(self) -> None:
        _check_sides(self.large, self.small)
        require_counts(self, "test_rows", "batch_size", "most_critic_steps")
        for name in ("critic_weight", "pixel_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be below 0, got {getattr(self, name)}")
        require_above_zero(self, "threshold", "critic_rate")

    @property
    def scale(self) -> int:
        """How many times as large as the bad pictures the good ones are; 1 as a rule."""
        return self.large // self.small


def _check_sides(large: int, small: int) -> None:
    if small < 1 or large % small:
        raise ValueError(f"large has to be a multiple of small, or equal, got {large} and {small}")
