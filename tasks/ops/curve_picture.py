"""A learning curve as a picture: losses above, figures of the validations below. Pure: series in, a PNG out."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from storage.names import without_controls
from tasks.ops.curve_scale import CurveScale, Series, thinned

WIDTH, PANEL, GAP, LEFT, RIGHT, TOP = 1000, 220, 64, 90, 40, 40
PAPER, INK, FAINT = (250, 250, 248), (60, 60, 60), (225, 225, 220)
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
"""After Okabe and Ito, told apart by the colour-blind, too."""
MOST_LINES = len(COLOURS)
MOST_POINTS = 1000


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
    """Lines, and the field that they fill: values on a scale, steps to `last`."""

    series: Series
    scale: CurveScale
    top: int
    last: int

    @classmethod
    def over(cls, series: Series, *, top: int, last: int) -> _Panel:
        return cls(series, CurveScale.over(value for points in series.values() for _, value in points), top, last)

    def point(self, step: float, value: float) -> tuple[float, float]:
        """Return the pixel of a value."""
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / max(1, self.last)
        return x, self.top + PANEL * (1 - self.scale.share(value))


def _short(series: Series) -> Series:
    """Return at most `MOST_LINES` lines of at most `MOST_POINTS` points, the last point among them."""
    shortened = {name: thinned(points, most=MOST_POINTS) for name, points in list(series.items())[:MOST_LINES]}
    return {name: points for name, points in shortened.items() if points}


def _draw_panel(draw: ImageDraw.ImageDraw, panel: _Panel, title: str) -> None:
    font = ImageFont.load_default(12)
    for value in (panel.scale.low, panel.scale.middle, panel.scale.high):
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
    kind = " (logarithmic)" if panel.scale.is_logarithmic else ""
    draw.text((LEFT, panel.top + PANEL + 6), without_controls(title)[:60] + kind, fill=INK, font=font)
    draw.text((WIDTH - RIGHT, panel.top + PANEL + 6), f"{panel.last:,} steps", fill=INK, font=font, anchor="ra")
