"""What the training process is told of rows of pairs that it shall restore."""

from __future__ import annotations

from dataclasses import dataclass

from storage.tiers import Tiers
from tasks.ops.row_process import as_arguments


@dataclass(frozen=True, slots=True)
class RestoringOrder:
    """Which pairs are restored by which model, and what the dataset that comes of it is called."""

    tiers: Tiers
    dataset: str
    number: int | None
    model: str
    name: str
    device: str = "auto"
    device_wait: int = 0
    batch_size: int = 32

    @property
    def arguments(self) -> list[str]:
        """Return it as arguments of the training process."""
        options = {
            "--version": self.number,
            "--slow": self.tiers.slow,
            "--fast": self.tiers.fast,
            "--model": self.model,
            "--name": self.name,
            "--device": self.device,
            "--wait-for-device": self.device_wait,
            "--batch-size": self.batch_size,
        }
        return ["restore-rows", self.dataset, *as_arguments(options)]
