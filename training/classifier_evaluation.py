"""How many held-out rows a classifier names right, by class, and pictures of those it is surest of and wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.ops.contact_sheet import contact_sheet
from training.batches import Batch, unit_range
from training.class_rows import IMAGES, TARGETS
from training.classifier import Classifier
from training.distributed import World
from training.steps import Validation

ACCURACY, IN_FIVE, LOSS = "accuracy", "accuracy_in_five", "held_out_cross_entropy"

_MISTAKES = 24
_COLUMNS = 8
_THUMBNAIL = 96


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one row: its target, what was said, the place of the target among all scores, and the loss."""

    target: int
    said: int
    rank: int
    loss: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures on held-out rows, of pictures and targets that are indices into `classes`."""

    classes: Sequence[str]
    world: World

    def of(self, network: Classifier, batches: Iterable[Batch]) -> Validation:
        """Judge all rows; return the figures over the rows of all processes, and the surest mistakes of this one."""
        sheet = _Mistakes(self.classes)
        judged = self.judged(network, batches, sheet)
        return Validation(figures_of(judged), sheet.samples())

    def judged(self, network: Classifier, batches: Iterable[Batch], sheet: _Mistakes | None = None) -> list[Judged]:
        """Return what became of each row of all processes."""
        found: list[Judged] = []
        for batch in batches:
            moved = batch.to(self.world.device)
            with torch.no_grad():
                scores = network(unit_range(moved[IMAGES])).float()
            rows = _judged(scores, moved[TARGETS])
            found += rows
            if sheet is not None:
                sheet.add(batch[IMAGES], rows, scores.softmax(dim=1).amax(dim=1).tolist())
        return [each for part in self.world.gathered(found) for each in part]


def figures_of(judged: Sequence[Judged]) -> dict[str, float]:
    """Return the share of rows whose class has the highest score, or one of the five highest, and the mean loss."""
    ranks = np.array([each.rank for each in judged])
    losses = [each.loss for each in judged]
    return {ACCURACY: float((ranks < 1).mean()), IN_FIVE: float((ranks < 5).mean()), LOSS: float(np.mean(losses))}


def by_class(judged: Sequence[Judged], classes: Sequence[str]) -> dict[str, Mapping[str, float]]:
    """Return accuracy and rows of each class that has some, the worst first."""
    rights: dict[int, list[bool]] = {}
    for each in judged:
        rights.setdefault(each.target, []).append(each.rank < 1)
    found = {classes[target]: {ACCURACY: float(np.mean(all_)), "rows": len(all_)} for target, all_ in rights.items()}
    return dict(sorted(found.items(), key=lambda item: (item[1][ACCURACY], item[0])))


def _judged(scores: Tensor, targets: Tensor) -> list[Judged]:
    """Judge `(n, classes)` scores; a score that is as high as the target's counts against it."""
    own = scores.gather(1, targets[:, None])
    ranks = (scores >= own).sum(dim=1) - 1
    # A network that diverged says nothing right, though no score is above one that is not a number.
    ranks = torch.where(own[:, 0].isfinite(), ranks, scores.shape[1])
    losses = torch.nn.functional.cross_entropy(scores, targets, reduction="none")
    columns = (targets, scores.argmax(dim=1), ranks, losses)
    return [Judged(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


class _Mistakes:
    """The rows that were named wrong with the highest probability, as far as they were seen."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._found: list[tuple[float, NDArray[np.uint8], str]] = []

    def add(self, images: Tensor, rows: Sequence[Judged], surety: Sequence[float]) -> None:
        """Add what was wrong in a batch, `(n, 3, h, w)` uint8, and forget what is less sure than enough others."""
        for image, row, sure in zip(images, rows, surety, strict=True):
            if row.rank > 0:
                caption = f"{self._classes[row.said]}, is {self._classes[row.target]}"
                self._found.append((sure, image.movedim(0, 2).contiguous().numpy(), caption))
        self._found = sorted(self._found, key=lambda each: -each[0])[:_MISTAKES]

    def samples(self) -> dict[str, NDArray[np.uint8]]:
        """Return the sheet as the one sample of a validation; none where nothing was wrong."""
        if not self._found:
            return {}
        pictures = np.stack([pixels for _, pixels, _ in self._found])
        captions = [caption for _, _, caption in self._found]
        sheet = contact_sheet(pictures, captions, columns=_COLUMNS, thumbnail=_THUMBNAIL)
        return {"surest-mistakes": np.asarray(sheet)}
