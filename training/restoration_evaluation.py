"""How well pictures are restored that nothing was learnt from, beside what they were and what others make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.ops.distribution_distances import frechet_distance, squared_mmd
from tasks.ops.image_quality import enlarged, fine_detail_y, luma_quality, mean_quality, psnr_rgb
from tasks.ops.image_vectors import patches
from training.batches import Batch, unit_range
from training.distributed import World
from training.picture_pairs import LARGE, SMALL
from training.pixel_ranges import as_levels, as_rows, as_unit
from training.steps import Validation
from training.strips import Strips

PSNR = "psnr_rgb_border0"
"""Of all channels: to a picture that lost its colours luma gives full marks."""
FRECHET, MMD = "frechet_patches8", "mmd_patches8"
INPUT = "input"

Restore = Callable[[Tensor], Tensor]
"""Maps `(n, 3, h, w)` in [0, 1] on the device to restored images of the size of the originals."""
_OWN, _ORIGINAL = "", "original"
_MMD_PATCHES = 2000


@dataclass(frozen=True, slots=True)
class Measured:
    """What one picture comes to: figures by name, and its patches `(36, 192)`."""

    figures: Mapping[str, float]
    patches: NDArray[np.float32]


Row = dict[str, Measured]
"""The pictures of a row by who made them: "" is the network that is measured."""


@dataclass(slots=True)
class RestorationEvaluation:
    """Figures on held-out rows: of the network, and by names that begin with theirs of the input and of `others`.

    `critic` is frozen: with it, what it takes for real is measured, too. What does not change is measured once for
    each row. Distances are between patches of 8×8 pixels of the restored and of the original pictures: their extractor
    is named in each figure.
    """

    world: World
    scale: int
    others: Mapping[str, Restore] = field(default_factory=lambda: MappingProxyType({}))
    critic: nn.Module | None = None
    _steady: dict[int, Row] = field(default_factory=dict)

    def of(self, restore: Restore, batches: Iterable[Batch], /) -> Validation:
        """Restore all rows; return the figures over the rows of all processes, and strips of the first rows."""
        strips, rows = Strips(), []
        for batch in batches:
            restored = self._made(restore, batch)
            self._measure_steady(batch)
            judged = self._measured(restored, as_rows(batch[LARGE]))
            rows += [{_OWN: own} | self._steady[row] for row, own in zip(batch.rows.tolist(), judged, strict=True)]
            for bad, made, original, row in zip(
                as_rows(batch[SMALL]), restored, as_rows(batch[LARGE]), rows[-len(batch) :], strict=True
            ):
                strips.add((enlarged(bad, self.scale, "bicubic"), made, original), _captions(row))
        everywhere = [row for part in self.world.gathered(rows) for row in part]
        return Validation(summary(everywhere), strips.samples())

    def _measure_steady(self, batch: Batch) -> None:
        """Measure the originals, the inputs and what others make of them, where it has not been done."""
        if all(row in self._steady for row in batch.rows.tolist()):
            return
        originals = as_rows(batch[LARGE])
        made = {
            INPUT: np.stack([enlarged(bad, self.scale, "bicubic") for bad in as_rows(batch[SMALL])]),
            **{name: self._made(restore, batch) for name, restore in self.others.items()},
            _ORIGINAL: originals,
        }
        judged = {name: self._measured(pictures, originals) for name, pictures in made.items()}
        for place, row in enumerate(batch.rows.tolist()):
            self._steady[row] = {name: found[place] for name, found in judged.items()}

    def _made(self, restore: Restore, batch: Batch) -> NDArray[np.uint8]:
        with torch.no_grad():
            return as_levels(restore(unit_range(batch.to(self.world.device)[SMALL])))

    def _measured(self, pictures: NDArray[np.uint8], originals: NDArray[np.uint8]) -> list[Measured]:
        cut = np.split(patches(pictures), len(pictures))
        verdicts = self._verdicts(pictures)
        return [
            Measured(
                {PSNR: psnr_rgb(picture, original, border=0), **luma_quality(picture, original, border=0)}
                | {"fine_detail_y": fine_detail_y(picture)}
                | verdict,
                own,
            )
            for picture, original, verdict, own in zip(pictures, originals, verdicts, cut, strict=True)
        ]

    def _verdicts(self, pictures: NDArray[np.uint8]) -> Sequence[dict[str, float]]:
        """Return for each picture whether the frozen critic takes it for real: the mean of its places decides."""
        if self.critic is None:
            return [{}] * len(pictures)
        with torch.no_grad():
            places = self.critic(as_unit(pictures).to(self.world.device))
        return [{"taken_for_real": float(is_real)} for is_real in (places.mean(dim=1) > 0).tolist()]


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """Return the figures over rows: of the network by their names, of all others with theirs before it."""
    original = _over(rows, _ORIGINAL)
    found: dict[str, float] = {}
    for name in (name for name in rows[0] if name != _ORIGINAL):
        figures = _relative(_over(rows, name), original) | _distances(_patches(rows, name), _patches(rows, _ORIGINAL))
        found |= {f"{name}_{each}" if name else each: value for each, value in figures.items()}
    return found


def _over(rows: Sequence[Row], name: str) -> dict[str, float]:
    return mean_quality([row[name].figures for row in rows])


def _relative(figures: dict[str, float], original: Mapping[str, float]) -> dict[str, float]:
    """Return mean figures of pictures as those of the originals make sense of them.

    Fine detail becomes that of the originals' (1 is right, less is blurred). Of the frozen critic's verdicts come the
    share of pictures that it takes for real, and its accuracy on originals and pictures, half of each: 0.5 or less is
    what a critic is worth that is fooled.
    """
    figures["fine_detail_y_ratio"] = figures.pop("fine_detail_y") / max(original["fine_detail_y"], 1e-9)
    if "taken_for_real" in figures:
        fooled = figures.pop("taken_for_real")
        accuracy = (original["taken_for_real"] + 1 - fooled) / 2
        figures |= {"frozen_critic_fooled": fooled, "frozen_critic_accuracy": accuracy}
    return figures


def _distances(pictures: NDArray[np.float32], originals: NDArray[np.float32]) -> dict[str, float]:
    """Return how far patches `(n, 192)` are from those of originals, as distributions; pixels are in levels.

    The kernel of MMD is as wide as the mean squared distance of originals' patches: most of them may be plain, and
    their median distance is 0 then.
    """
    step = -(-len(originals) // _MMD_PATCHES)
    width = max(1.0, 2 * float(originals.var(axis=0).sum()))
    mmd = squared_mmd(pictures[::step], originals[::step], width=width)
    return {FRECHET: frechet_distance(pictures, originals), MMD: mmd}


def _patches(rows: Sequence[Row], name: str) -> NDArray[np.float32]:
    return np.concatenate([row[name].patches for row in rows])


def _captions(row: Row) -> tuple[str, ...]:
    return f"bad {row[INPUT].figures[PSNR]:.2f} dB", f"restored {row[_OWN].figures[PSNR]:.2f} dB", "original"
