"""What runs that learn from two pictures of each row have in common: crops to learn from, whole rows to measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from training.augmentation import CropFlip, Flips
from training.batches import RandomBatches, batches_in_order
from training.distributed import World
from training.phases import Phase
from training.picture_pairs import PictureSettings
from training.sources import Source
from training.steps import HeldOut, Run, Step, Validation

# What a validation takes at a time: whole rows, larger than the crops that are learnt from.
TEST_BATCH = 8


class ReadingSettings(Protocol):
    """What the settings of a recipe say of its batches: fields of its `Config`."""

    @property
    def batch_size(self) -> int: ...

    @property
    def flips(self) -> Flips: ...


def require_same_scale(model: PictureSettings, rows: PictureSettings) -> None:
    """Raise ValueError if a model is for bad pictures of another size than those of the settings `rows`."""
    trained, measured = model.large // model.small, rows.large // rows.small
    if trained != measured:
        raise ValueError(f"a network for pairs of 1 to {trained} cannot be measured on pairs of 1 to {measured}")


def held_out(found: Validation) -> HeldOut:
    """Return the figures of a validation as those of a finished model."""
    return HeldOut({name: float(value) for name, value in found.metrics.items()})


def picture_run(
    step: Step,
    phases: Sequence[Phase],
    settings: ReadingSettings,
    *,
    train: Source,
    test: Source,
    world: World,
    seed: int,
) -> Run:
    """Return the run of a step on rows to learn from and rows to measure; a phase's `side` is that of random crops."""

    def reader(phase: Phase) -> RandomBatches:
        crop = CropFlip(phase.side, settings.flips)
        size = phase.batch_size or settings.batch_size
        return RandomBatches(train, size, seed=seed, world=world, augmentation=crop, last="dropped")

    return Run(step, phases, train=reader, valid=lambda phase: batches_in_order(test, TEST_BATCH, world=world))
