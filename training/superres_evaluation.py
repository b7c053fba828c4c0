"""How well a network enlarges rows that it never learnt from, beside Pillow's kernels, in figures and in pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.ops.image_quality import enlarged, luma_quality, mean_quality
from training.batches import Batch, unit_range
from training.distributed import World
from training.picture_pairs import LARGE, SMALL
from training.pixel_ranges import as_levels, as_rows
from training.steps import Validation
from training.strips import Strips

BASELINES = ("bicubic", "lanczos")

QUARTERS = ("smoothest quarter", "second quarter", "third quarter", "most detailed quarter")
"""Rows by how well a kernel alone enlarges them, the best first: what is a smooth surface, and what is fine detail."""

Enlarge = Callable[[Tensor], Tensor]
"""Maps `(n, 3, h, w)` in [0, 1] on the device to images `scale` times as large."""
Look = Callable[[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], Mapping[str, float]], None]


@dataclass(slots=True)
class Evaluation:
    """Figures on held-out rows. What the kernels reach is worked out once for each row: it never changes."""

    scale: int
    world: World
    _baselines: dict[int, dict[str, float]] = field(default_factory=dict)

    def of(self, enlarge: Enlarge, batches: Iterable[Batch]) -> Validation:
        """Enlarge all rows; return the mean figures over the rows of all processes, and strips of the first rows."""
        strips = Strips()
        judged = self.judged(enlarge, batches, lambda *row: self._add(strips, *row))
        return Validation(mean_quality(judged), strips.samples())

    def judged(
        self, enlarge: Enlarge, batches: Iterable[Batch], look: Look = lambda *row: None
    ) -> list[dict[str, float]]:
        """Enlarge all rows; return the figures of each row of all processes. `look` is shown those of this one."""
        found: list[dict[str, float]] = []
        for batch in batches:
            with torch.no_grad():
                restored = as_levels(enlarge(unit_range(batch.to(self.world.device)[SMALL])))
            triples = zip(as_rows(batch[SMALL]), restored, as_rows(batch[LARGE]), strict=True)
            for row, pictures in zip(batch.rows.tolist(), triples, strict=True):
                found.append(self._judged(row, *pictures))
                look(*pictures, found[-1])
        return [each for part in self.world.gathered(found) for each in part]

    def _judged(
        self, row: int, small: NDArray[np.uint8], restored: NDArray[np.uint8], original: NDArray[np.uint8]
    ) -> dict[str, float]:
        """Return the figures of one row: the network's, and the kernels' by names that begin with theirs."""
        if row not in self._baselines:
            self._baselines[row] = {
                f"{kernel}_{name}": value
                for kernel in BASELINES
                for name, value in luma_quality(
                    enlarged(small, self.scale, kernel), original, border=self.scale
                ).items()
            }
        return luma_quality(restored, original, border=self.scale) | self._baselines[row]

    def _add(
        self,
        strips: Strips,
        small: NDArray[np.uint8],
        restored: NDArray[np.uint8],
        original: NDArray[np.uint8],
        judged: Mapping[str, float],
    ) -> None:
        name = f"psnr_y_border{self.scale}"
        captions = (f"bicubic {judged[f'bicubic_{name}']:.2f} dB", f"restored {judged[name]:.2f} dB", "original")
        strips.add((enlarged(small, self.scale, "bicubic"), restored, original), captions)


def by_detail(judged: Sequence[Mapping[str, float]], scale: int) -> dict[str, dict[str, float]]:
    """Return the mean figures of the rows of each of `QUARTERS`, those that have rows."""
    ranked = sorted(judged, key=lambda row: -row[f"bicubic_psnr_y_border{scale}"])
    bounds = [round(share * len(ranked) / len(QUARTERS)) for share in range(len(QUARTERS) + 1)]
    parts = {name: ranked[start:stop] for name, (start, stop) in zip(QUARTERS, pairwise(bounds), strict=True)}
    return {name: mean_quality(part) for name, part in parts.items() if part}
