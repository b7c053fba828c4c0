"""Where a print was folded: a bright crack along a line, and the paper beside it bent towards the light or away.

Most folds run straight across; some only bend a corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.ranges import Range, WholeRange, check_range, drawn, drawn_whole

PAPER = np.array([238, 233, 222], np.float32)
"""What shows where the picture has flaked off."""
SHARE_OF_CORNERS = 0.35
_TILT = 0.12
"""Radians by which a fold across may lean."""
_CRACK = 1.5
"""Pixels from the line to where the crack ends; full up to a pixel nearer."""
_KNOTS = 24
"""Places on a line as long as two sides together where the crack may become stronger or weaker."""


@dataclass(frozen=True, slots=True)
class Folds:
    """`count` of folds; `width` of the bent paper on either side, as a part of the image's shorter side.

    `strength`, 0 to 1, is the opacity of the crack, and half of it how much brighter or darker the bent paper is.
    """

    count: WholeRange = (1, 3)
    width: Range = (0.04, 0.12)
    strength: Range = (0.3, 0.9)

    def __post_init__(self) -> None:
        check_range("count", self.count, 0, 1000)
        check_range("width", self.width, 0.005, 0.5)
        check_range("strength", self.strength, 0, 1)


@dataclass(frozen=True, slots=True)
class _Line:
    """All (x, y) with x·`across` + y·`down` = `offset`, in pixels; (`across`, `down`) has length 1."""

    across: float
    down: float
    offset: float


def folded(image: NDArray[np.uint8], rng: np.random.Generator, parameters: Folds) -> NDArray[np.uint8]:
    """Return the image with creases from edge to edge."""
    height, width, _ = image.shape
    out = image.copy()
    for _ in range(drawn_whole(rng, parameters.count)):
        corner = rng.random() < SHARE_OF_CORNERS
        line = _corner_line(rng, height, width) if corner else _line_across(rng, height, width)
        reach = max(1.0, drawn(rng, parameters.width) * min(height, width))
        _crease(out, rng, line, reach=reach, strength=drawn(rng, parameters.strength))
    return out


def _line_across(rng: np.random.Generator, height: int, width: int) -> _Line:
    """Return a line near the middle third, upright or level but for a little."""
    turned = 0.0 if rng.random() < 0.5 else pi / 2
    angle = turned + drawn(rng, (-_TILT, _TILT))
    x, y = drawn(rng, (0.25, 0.75)) * width, drawn(rng, (0.25, 0.75)) * height
    return _Line(cos(angle), sin(angle), x * cos(angle) + y * sin(angle))


def _corner_line(rng: np.random.Generator, height: int, width: int) -> _Line:
    """Return a line that cuts off a corner, from an eighth to a third of either side away from it."""
    right, below = rng.random() < 0.5, rng.random() < 0.5
    legs = drawn(rng, (0.12, 0.35)) * width, drawn(rng, (0.12, 0.35)) * height
    # Through (leg, 0) and (0, leg) of the upper left corner, then mirrored to where the corner is.
    long = hypot(*legs)
    across, down, offset = legs[1] / long, legs[0] / long, legs[0] * legs[1] / long
    across, offset = (-across, offset - across * width) if right else (across, offset)
    down, offset = (-down, offset - down * height) if below else (down, offset)
    return _Line(across, down, offset)


def _crease(out: NDArray[np.uint8], rng: np.random.Generator, line: _Line, *, reach: float, strength: float) -> None:
    """Draw one fold into `out`: shade within `reach` pixels of the line, and a crack a pixel or two wide."""
    window = _near(line, out.shape[0], out.shape[1], reach)
    y, x = (np.arange(edge.start, edge.stop, dtype=np.float32) + np.float32(0.5) for edge in window)
    distance = (y * np.float32(line.down) - np.float32(line.offset))[:, None] + x * np.float32(line.across)
    levels = out[window] * _shade(distance, reach, strength / 2).repeat(3, axis=1).reshape(*distance.shape, 3)
    row, column = np.nonzero(np.abs(distance) < _CRACK)
    crack = (_CRACK - np.abs(distance[row, column])).clip(0, 1) * strength
    along = (y[row] * line.across - x[column] * line.down) * (_KNOTS / sum(out.shape[:2]))
    crack *= np.interp(along, np.arange(-_KNOTS, _KNOTS + 1), rng.random(2 * _KNOTS + 1))
    levels[row, column] += (PAPER - levels[row, column]) * crack[:, None]
    np.rint(levels, out=levels)
    out[window] = np.clip(levels, 0, 255, out=levels)


def _shade(distance: NDArray[np.floating], reach: float, strength: float) -> NDArray[np.floating]:
    """Return what the light is multiplied by at each `distance`: most beside the line, 1 from `reach` on."""
    # Polynomials alone: the last bit of an exponential differs between processors.
    nearness = np.abs(distance)
    nearness *= np.float32(-1 / reach)
    nearness += 1
    np.maximum(nearness, 0, out=nearness)
    nearness *= nearness
    nearness *= np.float32(strength)
    # A sign alone would show as stairs where the line is slanted.
    nearness *= np.clip(distance, -1, 1)
    nearness += 1
    return nearness


def _near(line: _Line, height: int, width: int, reach: float) -> tuple[slice, slice]:
    """Return rows and columns that hold all of the image within `reach` of a line that crosses it."""
    return (
        _interval(line.down, line.across, line.offset, height, width, reach),
        _interval(line.across, line.down, line.offset, width, height, reach),
    )


def _interval(own: float, other: float, offset: float, length: int, breadth: int, reach: float) -> slice:
    """Return which pixels of an axis of `length` the line comes near to, within the `breadth` of the other axis."""
    if abs(own) < 1e-6:
        return slice(0, length)
    ends = [(offset + sign * reach - other * place) / own for sign in (-1, 1) for place in (0, breadth)]
    return slice(max(0, int(min(ends)) - 1), min(length, int(max(ends)) + 2))
