"""Learning curves as lines of a drawing: series in, points of an SVG out. The template draws them, by class."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tasks.ops.curve_scale import CurveScale, Points, Series, thinned

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 78, 12, 10, 26
MOST_LINES = 6
"""So many colours can be told apart, by the colour-blind, too."""
MOST_POINTS = 400


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
    scale = CurveScale.over(value for points in drawn.values() for _, value in points)
    field = _Field(scale, last=max(step for points in drawn.values() for step, _ in points))
    lines = tuple(field.line(name, points) for name, points in drawn.items())
    ticks = tuple(Tick(_short(value), field.y(value)) for value in (scale.high, scale.middle, scale.low))
    return Chart(title, lines, ticks, field.last, scale.is_logarithmic, tuple(list(kept)[MOST_LINES:]))


def grouped(series: Series) -> dict[str, dict[str, Points]]:
    """Return the lines by panel: one named after another, as bicubic_psnr_y is after psnr_y, is drawn beside it."""
    panels: dict[str, dict[str, Points]] = {}
    for name, points in series.items():
        owner = next((other for other in series if name != other and name.endswith(f"_{other}")), name)
        panels.setdefault(owner, {})[name] = points
    return panels


def _short(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class _Field:
    """The rectangle that the lines of a panel fill."""

    scale: CurveScale
    last: int

    def x(self, step: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * step / max(self.last, 1), 1)

    def y(self, value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - self.scale.share(value)), 1)

    def line(self, name: str, points: Points) -> Line:
        drawn = thinned(points, most=MOST_POINTS)
        step, value = drawn[-1]
        text = " ".join(f"{self.x(at)},{self.y(each)}" for at, each in drawn)
        return Line(name, text, value, self.x(step), self.y(value))
