"""A learning curve as a picture: losses above, figures of the validations below. Pure: series in, a PNG out."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from storage.names import without_controls

Series = Mapping[str, Sequence[tuple[int, float]]]
"""Lines by name, each as points `(step, value)`."""

WIDTH, PANEL, GAP, LEFT, RIGHT, TOP = 1000, 220, 64, 90, 40, 40
PAPER, INK, FAINT = (250, 250, 248), (60, 60, 60), (225, 225, 220)
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
"""After Okabe and Ito, told apart by the colour-blind, too."""
MOST_LINES = len(COLOURS)
MOST_POINTS = 1000
LOGARITHMIC_FROM = 30
"""Where the highest value is so many times the lowest, steps of the same factor look alike."""


def curve_picture(losses: Series, metrics: Series) -> bytes:
    """Return a PNG of a run so far: one panel for all losses, one for each figure of the validations."""
    panels = [("losses", losses), *((name, {name: points}) for name, points in metrics.items())]
    panels = [(title, _short(series)) for title, series in panels if series][:MOST_LINES]
    last = max((point[0] for _, series in panels for points in series.values() for point in points), default=1)
    picture = Image.new("RGB", (WIDTH, TOP + max(1, len(panels)) * (PANEL + GAP)), PAPER)
    draw = ImageDraw.Draw(picture)
    for number, (title, series) in enumerate(panels):
        _draw_panel(draw, _Panel.over(series, top=TOP + number * (PANEL + GAP), last=last), title)
    if not panels:
        draw.text((LEFT, TOP), "nothing was reported yet", fill=INK, font=ImageFont.load_default(14))
    file = io.BytesIO()
    picture.quantize(64, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class _Panel:
    """Lines, and the field that they fill: values from `low` to `high`, steps to `last`."""

    series: Series
    low: float
    high: float
    top: int
    last: int
    is_logarithmic: bool

    @classmethod
    def over(cls, series: Series, *, top: int, last: int) -> _Panel:
        values = [value for points in series.values() for _, value in points if math.isfinite(value)] or [0.0]
        low, high = min(values), max(values)
        is_logarithmic = low > 0 and high > LOGARITHMIC_FROM * low
        if low == high:  # a steady number: draw it in the middle
            low, high = low - (abs(low) or 1.0), high + (abs(high) or 1.0)
        return cls(series, low, high, top, last, is_logarithmic)

    def point(self, step: float, value: float) -> tuple[float, float]:
        """Return the pixel of a value."""
        share = (self._height(value) - self._height(self.low)) / (self._height(self.high) - self._height(self.low))
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(1, self.last), self.top + PANEL * (1 - share)

    def middle(self) -> float:
        return math.sqrt(self.low * self.high) if self.is_logarithmic else (self.low + self.high) / 2

    def _height(self, value: float) -> float:
        return math.log10(value) if self.is_logarithmic else value


def _short(series: Series) -> Series:
    """Return at most `MOST_LINES` lines of at most `MOST_POINTS` points, the last point among them."""
    shortened = {}
    for name, points in list(series.items())[:MOST_LINES]:
        every = -(-len(points) // MOST_POINTS)
        shortened[name] = list(points[len(points) - 1 :: -every])[::-1] if points else []
    return {name: points for name, points in shortened.items() if points}


def _draw_panel(draw: ImageDraw.ImageDraw, panel: _Panel, title: str) -> None:
    font = ImageFont.load_default(12)
    for value in (panel.low, panel.middle(), panel.high):
        x, y = panel.point(0, value)
        draw.line((x, y, WIDTH - RIGHT, y), fill=FAINT)
        draw.text((LEFT - 8, y), f"{value:.4g}", fill=INK, font=font, anchor="rm")
    x: float = LEFT
    for (name, points), colour in zip(panel.series.items(), COLOURS, strict=False):
        pixels = [panel.point(step, value) for step, value in points if math.isfinite(value)]
        if len(pixels) > 1:
            draw.line(pixels, fill=colour, width=2)
        for last in pixels[-1:]:
            draw.ellipse((last[0] - 3, last[1] - 3, last[0] + 3, last[1] + 3), fill=colour)
        text = f"{without_controls(name)[:40]} {points[-1][1]:.4g}"
        draw.text((x, panel.top - 20), text, fill=colour, font=font)
        x += draw.textlength(text, font=font) + 16
    kind = " (logarithmic)" if panel.is_logarithmic else ""
    draw.text((LEFT, panel.top + PANEL + 6), without_controls(title)[:60] + kind, fill=INK, font=font)
    draw.text((WIDTH - RIGHT, panel.top + PANEL + 6), f"{panel.last:,} steps", fill=INK, font=font, anchor="ra")
