"""How near made images are to real ones that nothing was learnt from, in figures that name what they are measured in.

The extractor is `thumbnail8_pca16`: 8×8 box means of each channel, levels 0 to 16, along the first 16 principal axes
of learnt rows. It sees where an image is bright and of which colour; "neighbour_difference_ratio" is for fine detail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.ops.contact_sheet import PAPER
from tasks.ops.distribution_distances import (
    class_shares,
    classes_present,
    frechet_distance,
    median_squared_distance,
    nearest_rows,
    squared_mmd,
)
from tasks.ops.image_vectors import PrincipalAxes, mean_neighbour_difference, principal_axes, thumbnails
from training.sources import Source
from training.steps import Validation
from training.wgan_images import IMAGES, LABELS, as_rgb_levels, seen_as
from training.wgan_noise import fixed_noise

EXTRACTOR = "thumbnail8_pca16"
FRECHET = f"frechet_{EXTRACTOR}"
MMD = f"mmd2_{EXTRACTOR}_rbf_median"
PRESENT = "classes_present_nearest_row"
DETAIL = "neighbour_difference_ratio"

_AXES = 16
_GRID, _THUMBNAIL, _GAP, _BATCH = 8, 32, 4, 250

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Real rows as vectors `(n, 16)`: `held_out` are measured against, `learnt` tell classes by the nearest of them."""

    axes: PrincipalAxes
    held_out: NDArray[np.float64]
    learnt: NDArray[np.float64]
    labels: Labels | None
    width: float
    difference: float

    def figures(self, made: NDArray[np.uint8]) -> dict[str, float]:
        """Return the figures of images `(n, h, w, 3)` uint8."""
        vectors = self.vectors(made)
        found = {
            FRECHET: frechet_distance(vectors, self.held_out),
            MMD: squared_mmd(vectors, self.held_out, width=self.width),
            DETAIL: mean_neighbour_difference(made) / self.difference,
        }
        if self.labels is not None:
            found[PRESENT] = float(len(classes_present(self.classes_of(vectors), self.labels)))
        return found

    def real_figures(self) -> dict[str, float]:
        """Return what the learnt rows reach: no generator of as many images should be expected below.

        They are as many as images are made, where there are so many: with fewer, distances are larger by chance.
        """
        return {
            f"{FRECHET}_of_learnt_rows": frechet_distance(self.learnt, self.held_out),
            f"{MMD}_of_learnt_rows": squared_mmd(self.learnt, self.held_out, width=self.width),
        }

    def shares(self, made: NDArray[np.uint8], count: int) -> dict[str, NDArray[np.float64]]:
        """Return the share of each of `count` classes among images and among learnt rows, `(count,)` each."""
        assert self.labels is not None
        of_made = class_shares(self.classes_of(self.vectors(made)), count)
        return {"share_of_made": of_made, "share_of_learnt": class_shares(self.labels, count)}

    def vectors(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return images as the extractor has them, `(n, 16)`."""
        return self.axes.projected(thumbnails(images))

    def classes_of(self, vectors: NDArray[np.float64]) -> Labels:
        """Return the class of the nearest learnt row of each vector, `(n,)`."""
        assert self.labels is not None
        return self.labels[nearest_rows(vectors, self.learnt)]


def yardstick_of(held_out: Source, learnt: Source, *, rows: int, channels: int) -> Yardstick:
    """Return the yardstick of at most `rows` rows of each source, evenly spread over it.

    Raises:
        ValueError: there are too few rows to measure with.
    """
    for name, source in (("held-out", held_out), ("learnt", learnt)):
        if len(source) <= _AXES:
            raise ValueError(f"measuring needs more than {_AXES} {name} rows, got {len(source)}")
    known = learnt.read(_spread(len(learnt), rows))
    unknown = seen_as(held_out.read(_spread(len(held_out), rows))[IMAGES], channels)
    vectors = thumbnails(seen_as(known[IMAGES], channels))
    axes = principal_axes(vectors, _AXES)
    judged = axes.projected(thumbnails(unknown))
    return Yardstick(
        axes,
        held_out=judged,
        learnt=axes.projected(vectors),
        labels=known.get(LABELS),
        width=median_squared_distance(judged),
        difference=mean_neighbour_difference(unknown),
    )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures generators on `samples` images, made of the same noise each time; `length` numbers make an image."""

    yardstick: Yardstick
    samples: int
    length: int
    device: torch.device

    def of(self, generate: Callable[[Tensor], Tensor]) -> Validation:
        """Return the figures of a generator, and the first images as one picture."""
        made = self.made_by(generate)
        return Validation(self.yardstick.figures(made), {"fixed-noise": grid(made[: _GRID**2])})

    @torch.no_grad()
    def made_by(self, generate: Callable[[Tensor], Tensor]) -> NDArray[np.uint8]:
        """Return the images, `(samples, h, w, 3)` uint8 RGB."""
        parts = fixed_noise(self.samples, self.length).split(_BATCH)
        return np.concatenate([as_rgb_levels(generate(part.to(self.device))) for part in parts])


def grid(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images `(n, side, side, 3)` in rows of 8 on paper, whole pixels enlarged to at least 32 for an image."""
    times = -(-_THUMBNAIL // images.shape[1])
    larger = images.repeat(times, axis=1).repeat(times, axis=2)
    cell = larger.shape[1] + _GAP
    sheet = np.full((-(-len(images) // _GRID) * cell + _GAP, _GRID * cell + _GAP, 3), PAPER, np.uint8)
    for number, image in enumerate(larger):
        top, left = (place * cell + _GAP for place in divmod(number, _GRID))
        sheet[top : top + len(image), left : left + len(image)] = image
    return sheet


def _spread(length: int, count: int) -> NDArray[np.int64]:
    return np.linspace(0, length - 1, min(length, count)).round().astype(np.int64)
