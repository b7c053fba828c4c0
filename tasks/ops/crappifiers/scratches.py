"""Thin lines where a print or a film has lost its surface: nearly upright, mostly bright, in places broken off."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.ranges import Range, WholeRange, check_range, drawn_whole

LIGHT, DARK = 245.0, 25.0
SHARE_OF_DARK = 0.25
STEEPEST = 0.6
"""Pixels across for each down: what scratches a film runs along it."""
_WAVE = 0.02
"""How far a line strays from the straight, as a part of its length."""
_KNOTS = 8
"""Places along a line where it may change its course and its strength."""


@dataclass(frozen=True, slots=True)
class Scratches:
    """`count` of lines; `length` from top to bottom as a part of the image's shorter side; `width` in pixels.

    `strength` is the opacity, 0 to 1, where a line is at its strongest.
    """

    count: WholeRange = (2, 8)
    length: Range = (0.3, 1.2)
    width: Range = (0.6, 1.8)
    strength: Range = (0.4, 0.9)

    def __post_init__(self) -> None:
        check_range("count", self.count, 0, 1000)
        check_range("length", self.length, 0.01, 2)
        check_range("width", self.width, 0.1, 16)
        check_range("strength", self.strength, 0, 1)


def scratched(image: NDArray[np.uint8], rng: np.random.Generator, parameters: Scratches) -> NDArray[np.uint8]:
    """Return the image with thin, smooth-edged lines across it; where two cross, the stronger is seen.

    All lines are computed at once, `(count, h)` places and `(count, h, few)` pixels: one by one takes four times as
    long. The draws of one line do not depend on how many there are.
    """
    height, width, _ = image.shape
    draws = rng.random((drawn_whole(rng, parameters.count), 7 + 2 * _KNOTS))
    x, y, slope, *spreads, darkness = (column[:, None] for column in draws[:, :7].T)
    wanted = (parameters.length, parameters.width, parameters.strength)
    length, thickness, strength = (low + (high - low) * at for (low, high), at in zip(wanted, spreads, strict=True))
    length = length * min(height, width)

    below = np.arange(height) + 0.5 - y * height
    along = below / length + 0.5  # 0 to 1 from end to end
    course = x * width + below * (slope * 2 - 1) * STEEPEST
    course += _wavering(draws[:, 7 : 7 + _KNOTS], along) * length * _WAVE
    # Where it comes out below zero, the line is broken off.
    opacity = np.clip(1 - 2 * _wavering(draws[:, 7 + _KNOTS :], along) ** 2, 0, 1) * strength
    opacity *= (along >= 0) & (along <= 1)
    return _drawn_over(image, course, opacity, thickness=thickness, dark=darkness < SHARE_OF_DARK)


def _drawn_over(
    image: NDArray[np.uint8],
    course: NDArray[np.float64],
    opacity: NDArray[np.float64],
    *,
    thickness: NDArray[np.float64],
    dark: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """Return the image with lines at x = `course` in each row, both `(count, h)`; the others are `(count, 1)`."""
    out = image.copy()
    reach = ceil(thickness.max(initial=0) / 2)
    columns = np.floor(course).astype(np.intp)[:, :, None] + np.arange(-reach, reach + 1)
    # How much of a pixel a line of this thickness covers, were it upright.
    covered = thickness[:, :, None] / 2 + 0.5 - np.abs(columns + 0.5 - course[:, :, None])
    share = np.clip(covered, 0, np.minimum(thickness, 1)[:, :, None]) * opacity[:, :, None]
    line, row, place = np.nonzero((share > 0) & (columns >= 0) & (columns < image.shape[1]))
    column, share = columns[line, row, place], share[line, row, place]
    levels = image[row, column].astype(np.float64)
    levels += (np.where(dark, DARK, LIGHT)[line] - levels) * share[:, None]
    # Of several values for one pixel the last one stays. Bytes are sorted in a tenth of the time of floats.
    order = np.argsort((share * 255).astype(np.uint8), kind="stable")
    out[row[order], column[order]] = np.rint(levels[order])
    return out


def _wavering(knots: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a course in -1 to 1 through `knots`, `(count, 8)` in 0 to 1, at the places `along`, `(count, h)`."""
    places = np.clip(along, 0, 1) * (_KNOTS - 1)
    before = np.minimum(places.astype(np.intp), _KNOTS - 2)
    left, right = (np.take_along_axis(knots, before + step, axis=1) for step in (0, 1))
    return 2 * (left + (right - left) * (places - before)) - 1
