"""What the loop may be told, whatever the recipe: the table `[loop]` of a run's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from training.settings_checks import require_above_zero, require_counts


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How often a run reports, validates and writes checkpoints. Steps are steps of the optimiser.

    Without `validate_steps` it validates at the end of each epoch; at the end of the run in any case. A checkpoint is
    written every `checkpoint_minutes`, every `checkpoint_steps` where they are given, and at the end. `cpu_threads` are
    those of torch; a run is the same to the bit for the same number only.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    seed: int = 0
    report_steps: int = 20
    validate_steps: int | None = None
    checkpoint_steps: int | None = None
    checkpoint_minutes: float = 10.0
    keep_checkpoints: int = 3
    cpu_threads: int | None = None

    def __post_init__(self) -> None:
        require_counts(self, "report_steps", "validate_steps", "checkpoint_steps", "keep_checkpoints", "cpu_threads")
        require_above_zero(self, "checkpoint_minutes")
        if self.seed < 0:
            raise ValueError(f"a seed cannot be below 0, got {self.seed}")
