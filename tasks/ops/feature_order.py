"""What the training process is told of features that it shall compute."""

from __future__ import annotations

from dataclasses import dataclass

from storage.tiers import Tiers
from tasks.ops.feature_requests import EncoderChoice
from tasks.ops.row_process import as_arguments


@dataclass(frozen=True, slots=True)
class FeatureOrder:
    """What is to be computed: a version of a dataset by number, an encoder, the name of the features, and on what."""

    tiers: Tiers
    dataset: str
    number: int
    choice: EncoderChoice
    name: str
    device: str = "auto"
    device_wait: int = 0
    precision: str = "float32"
    batch_size: int = 64
    cpu_threads: int | None = None

    @property
    def arguments(self) -> list[str]:
        """Return it as arguments of the training process."""
        options = {
            "--version": self.number,
            "--slow": self.tiers.slow,
            "--fast": self.tiers.fast,
            "--model": self.choice.model,
            "--network": self.choice.network,
            "--weights": self.choice.weights,
            "--size": self.choice.size,
            "--name": self.name,
            "--device": self.device,
            "--wait-for-device": self.device_wait,
            "--precision": self.precision,
            "--batch-size": self.batch_size,
            "--cpu-threads": self.cpu_threads,
        }
        return ["features", self.dataset, *as_arguments(options)]
