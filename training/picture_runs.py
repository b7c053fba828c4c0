"""What runs that learn from two pictures of each row have in common: crops to learn from, whole rows to measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from training.augmentation import CropFlip, Flips
from training.batches import RandomBatches, batches_in_order
from training.distributed import World
from training.phases import Phase
from training.sources import Source
from training.steps import Run, Step

# What a validation takes at a time: whole rows, larger than the crops that are learnt from.
TEST_BATCH = 8


class ReadingSettings(Protocol):
    """What the settings of a recipe say of its batches: fields of its `Config`."""

    @property
    def batch_size(self) -> int: ...

    @property
    def flips(self) -> Flips: ...


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
