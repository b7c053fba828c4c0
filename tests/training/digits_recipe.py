"""A small real recipe that the tests train: digits of scikit-learn, 8 × 8 pixels, told apart by two convolutions.

It uses what recipes share: dropout and with it torch's generator, clipping, accumulation, an average of the weights.
"""

from __future__ import annotations

import gzip
import importlib.util
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from storage.lineage import Metric, Origin
from storage.records import fingerprint
from training.augmentation import CropFlip
from training.averaging import Averaging, WeightAverage
from training.batches import Batch, RandomBatches, batches_in_order, unit_range
from training.distributed import World
from training.optimisation import Update, layer_groups
from training.phases import Phase, Rates
from training.precision import Precision
from training.ramps import Ramp
from training.sources import MemoryRows
from training.steps import HeldOut, Run, Validation

ROWS = 160
METRIC = Metric("accuracy", better="higher")


@dataclass(frozen=True, slots=True)
class Config:
    """`seconds_per_step` slows a run down, so that a test can kill it; at `fails_at` its memory runs out.

    The `held_out` digits after the `rows` that are learnt from are never learnt from. `edition` stands for a dataset's
    version: where it is not given, it is the number in `edition_file`.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    phases: tuple[Phase, ...] = (
        Phase(1.5, Ramp(1e-3, 1e-2, "cosine"), momentum=Ramp(0.95, 0.85)),
        Phase(1.0, (1e-3, 1e-2), batch_size=12, frozen=1),
    )
    batch_size: int = 16
    parts: int = 2
    dropout: float = 0.2
    precision: Precision = "float32"
    flips: str = "horizontal"
    average: Averaging = field(default_factory=lambda: Averaging(decay=0.9))
    rows: int = ROWS
    threads: int = 2
    held_out: int = 60
    edition_file: Path | None = None
    edition: int | None = None
    seconds_per_step: float = 0.0
    fails_at: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")


@cache
def digits(rows: int) -> dict[str, np.ndarray]:
    """Return `(rows, 8, 8, 3)` uint8 images and `(rows,)` int64 labels, without importing scikit-learn."""
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    with gzip.open(Path(spec.submodule_search_locations[0], "datasets", "data", "digits.csv.gz"), "rt") as file:
        table = np.loadtxt(file, delimiter=",", max_rows=rows)
    grey = (table[:, :-1] * 15).astype(np.uint8).reshape(-1, 8, 8, 1)
    return {"images": grey.repeat(3, axis=3), "labels": table[:, -1].astype(np.int64)}


class Net(nn.Module):
    """Scores of the ten digits."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(8 * 16, 10))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


class DigitsStep:
    """Cross-entropy, one optimiser, an average of the weights."""

    def __init__(self, config: Config, world: World) -> None:
        self._config, self._world = config, world
        self.net = Net(config.dropout).to(world.device)
        world.share(self.net)
        self.update = Update(
            layer_groups(self.net.body, self.net.head), world=world, precision=config.precision, clip=5.0
        )
        self.average = WeightAverage(self.net, config.average)
        self.steps = 0

    def begin_phase(self, phase: Phase) -> None:
        self.update.begin_phase(phase)

    def train_batch(self, batch: Batch, rates: Rates) -> Mapping[str, Tensor]:
        time.sleep(self._config.seconds_per_step)
        self.steps += 1
        if self.steps == self._config.fails_at:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.net.train()
        losses = self.update.minimise(self._losses, batch.to(self._world.device).parts(self._config.parts), rates)
        self.average.add(self.net)
        return losses

    @torch.no_grad()
    def validate(self, batches: Iterable[Batch]) -> Validation:
        self.net.eval()
        sums = torch.zeros(2, device=self._world.device)
        with self.average.put_into(self.net):
            for batch in batches:
                moved = batch.to(self._world.device)
                right = self.net(unit_range(moved["images"])).argmax(1) == moved["labels"]
                sums += torch.stack([right.sum(), torch.tensor(len(batch), device=self._world.device)])
        right, rows = self._world.sum(sums)
        return Validation({"accuracy": right / rows}, {"noise": torch.randint(256, (4, 6, 3)).byte().numpy()})

    def state_dict(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "update": self.update.state_dict(),
            "average": self.average.state_dict(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.update.load_state_dict(state["update"])
        self.average.load_state_dict(state["average"])
        self.steps = state["steps"]

    def weights(self) -> Mapping[str, Any]:
        return self.average.weights_of(self.net)

    def _losses(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"loss": functional.cross_entropy(self.net(unit_range(batch["images"])), batch["labels"])}


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Return the run over the first digits."""
    source = MemoryRows(digits(config.rows))
    augmentation = CropFlip(flips=config.flips)  # type: ignore[arg-type] # CropFlip itself checks it

    def reader(phase: Phase) -> RandomBatches:
        size = phase.batch_size or config.batch_size
        return RandomBatches(source, size, seed, world, augmentation, threads=config.threads)

    return Run(
        DigitsStep(config, world), config.phases, reader, lambda phase: batches_in_order(source, 50, world=world)
    )


@torch.no_grad()
def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Return the accuracy on the held-out digits, and on each of the ten."""
    net = Net(model.dropout).to(device).eval()
    net.load_state_dict(torch.load(weights, map_location=device, weights_only=True))
    held_out = {name: array[rows.rows :] for name, array in digits(rows.rows + rows.held_out).items()}
    images = torch.from_numpy(held_out["images"]).to(device).permute(0, 3, 1, 2)
    is_right = net(unit_range(images)).argmax(1).cpu().numpy() == held_out["labels"]
    of_digits = {str(digit): is_right[held_out["labels"] == digit].mean() for digit in np.unique(held_out["labels"])}
    return HeldOut({"accuracy": is_right.mean()}, {digit: {"accuracy": value} for digit, value in of_digits.items()})


def pinned(config: Config) -> Config:
    """Return the settings with the edition of today, where they name a file that tells it."""
    if config.edition_file is None or config.edition is not None:
        return config
    return replace(config, edition=int(config.edition_file.read_text()))


def origins(config: Config) -> list[Origin]:
    """Return the digits and their edition."""
    return [Origin("rows", "digits", config.edition, fingerprint(["digits", config.rows, config.edition]))]
