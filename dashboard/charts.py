"""Learning curves as lines of a drawing: series in, points of an SVG out. The template draws them, by class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Series = Mapping[str, Sequence[tuple[int, float]]]
"""Lines by name, each as points `(step, value)`."""

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 78, 12, 10, 26
MOST_LINES = 6
"""So many colours can be told apart, by the colour-blind, too."""
MOST_POINTS = 400
LOGARITHMIC_FROM = 30
"""Where the highest value is so many times the lowest, steps of the same factor look alike."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, the points of an SVG polyline, and its last value with where that is."""

    name: str
    points: str
    last: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on the axis, and how far down it is."""

    text: str
    y: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A panel of lines over steps; `left_out` names lines that are not drawn."""

    title: str
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    last_step: int
    is_logarithmic: bool
    left_out: tuple[str, ...] = ()

    @property
    def frame(self) -> dict[str, int]:
        """The drawing's size and margins, in its own units."""
        return {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "bottom": HEIGHT - BOTTOM}


def chart(title: str, series: Series) -> Chart | None:
    """Return a panel; None where there is no number to draw."""
    kept = {
        name: points
        for name, every in series.items()
        if (points := [(step, value) for step, value in every if math.isfinite(value)])
    }
    drawn = dict(list(kept.items())[:MOST_LINES])
    if not drawn:
        return None
    values = [value for points in drawn.values() for _, value in points]
    low, high = min(values), max(values)
    is_logarithmic = low > 0 and high > LOGARITHMIC_FROM * low
    if low == high:  # a steady number: draw it in the middle
        low, high = low - (abs(low) or 1.0), high + (abs(high) or 1.0)
    last = max(step for points in drawn.values() for step, _ in points)
    scale = _Scale(low, high, max(last, 1), is_logarithmic)
    lines = tuple(_line(name, points, scale) for name, points in drawn.items())
    middle = math.sqrt(low) * math.sqrt(high) if is_logarithmic else (low + high) / 2
    ticks = tuple(Tick(_short(value), scale.y(value)) for value in (high, middle, low))
    return Chart(title, lines, ticks, last, is_logarithmic, tuple(list(kept)[MOST_LINES:]))


def grouped(series: Series) -> dict[str, dict[str, Sequence[tuple[int, float]]]]:
    """Return the lines by panel: one named after another, as bicubic_psnr_y is after psnr_y, is drawn beside it."""
    panels: dict[str, dict[str, Sequence[tuple[int, float]]]] = {}
    for name, points in series.items():
        owner = next((other for other in series if name != other and name.endswith(f"_{other}")), name)
        panels.setdefault(owner, {})[name] = points
    return panels


def _short(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    last: int
    is_logarithmic: bool

    def x(self, step: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * step / self.last, 1)

    def y(self, value: float) -> float:
        low, high, at = (math.log10(each) if self.is_logarithmic else each for each in (self.low, self.high, value))
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (at - low) / (high - low)), 1)


def _line(name: str, points: Sequence[tuple[int, float]], scale: _Scale) -> Line:
    every = -(-len(points) // MOST_POINTS)
    thinned = list(points[len(points) - 1 :: -every])[::-1]
    step, value = thinned[-1]
    drawn = " ".join(f"{scale.x(at)},{scale.y(each)}" for at, each in thinned)
    return Line(name, drawn, value, scale.x(step), scale.y(value))
