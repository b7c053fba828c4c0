"""Regions of the bundled photographs, some of them held out, and what a recipe of three defects makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ops.image_quality import fine_detail_y
from tasks.ops.pair_recipe import crappified
from tasks.ops.pair_recipe_files import shipped_recipes
from tests.training.photo_pairs import Pairs, halved_photos

SIDE = 48
# Without the retina and the galaxies, which are mostly black.
NAMES = tuple(name for name in halved_photos() if not name.startswith(("retina", "hubble")))
# A sky tells nothing apart: half of the regions, those with more detail than this, in squared levels of luma.
LEAST_DETAIL = 60.0


@dataclass(frozen=True)
class Regions:
    """Good regions of 48 pixels, `(n, 48, 48, 3)`: no pixel that is held out is learnt from."""

    learnt: NDArray[np.uint8]
    held_out: NDArray[np.uint8]


def regions(names: Sequence[str] = NAMES) -> Regions:
    """Return every fourth square of each photograph as held out, and all half-overlapping ones that touch none."""
    learnt, held_out = [], []
    for name in names:
        photo = np.asarray(halved_photos()[name])
        squares = _corners(photo, SIDE)
        kept = squares[::4]
        held_out += [_cut(photo, corner) for corner in kept]
        apart = (
            corner
            for corner in _corners(photo, SIDE // 2)
            if all(max(abs(corner[0] - other[0]), abs(corner[1] - other[1])) >= SIDE for other in kept)
        )
        learnt += [_cut(photo, corner) for corner in apart]
    return Regions(
        *(np.stack([each for each in part if fine_detail_y(each) > LEAST_DETAIL]) for part in (learnt, held_out))
    )


def damaged(good: NDArray[np.uint8], *, first: int, copies: int = 1, recipe: str = "small-lesson") -> Pairs:
    """Return each region as `large`, and as `small` what a recipe makes of it; `copies` times, each with its own."""
    large, spoiling = np.concatenate([good] * copies), shipped_recipes()[recipe]
    small = [crappified(region, seed=first + number, recipe=spoiling) for number, region in enumerate(large)]
    return {"large": large, "small": np.stack(small)}


def _detailed(found: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.stack([region for region in found if fine_detail_y(region) > LEAST_DETAIL])


def _corners(photo: NDArray[np.uint8], step: int) -> list[tuple[int, int]]:
    height, width = photo.shape[:2]
    return [(top, left) for top in range(0, height - SIDE + 1, step) for left in range(0, width - SIDE + 1, step)]


def _cut(photo: NDArray[np.uint8], corner: tuple[int, int]) -> NDArray[np.uint8]:
    top, left = corner
    return photo[top : top + SIDE, left : left + SIDE]
