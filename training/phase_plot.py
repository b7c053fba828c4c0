"""Phases as a picture: learning rate and momentum over steps, the optimisers named. Pure: phases in, a PNG out."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from training.phases import Phase, Rates
from training.ramps import Level, Ramp, joint_groups, spread_out
from training.timetable import Stretch, laid_out

WIDTH, PANEL, MARGIN, LEFT, TOP = 1000, 240, 40, 90, 36
PAPER, INK, FAINT = (250, 250, 248), (60, 60, 60), (225, 225, 220)
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
"""After Okabe and Ito, told apart by the colour-blind, too. One for each layer group, then from the start again."""
MOST_POINTS = 2000
Point = tuple[float, float]


def plot_phases(phases: Sequence[Phase], steps_per_epoch: int | Callable[[Phase], int]) -> bytes:
    """Return a PNG of learning rate and momentum over the steps of `phases`, a line for each layer group."""
    per_epoch = steps_per_epoch if callable(steps_per_epoch) else lambda phase: steps_per_epoch
    return drawn(laid_out(phases, per_epoch))


def drawn(stretches: Sequence[Stretch]) -> bytes:
    """Return the same PNG of phases that are laid out already."""
    picture = Image.new("RGB", (WIDTH, TOP + 2 * (PANEL + MARGIN)), PAPER)
    draw = ImageDraw.Draw(picture)
    for number, (title, rate) in enumerate((("learning rate", _learning_rate), ("momentum", _momentum))):
        panel = _Panel.over(stretches, rate, top=TOP + number * (PANEL + MARGIN))
        _draw_panel(draw, panel, stretches, title)
    _draw_names(draw, stretches)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _learning_rate(rates: Rates) -> Level:
    return rates.learning_rate


def _momentum(rates: Rates) -> Level:
    return rates.momentum


@dataclass(frozen=True, slots=True)
class _Panel:
    """Lines of `(step, value)` for each layer group, one list for each phase, and the field that they fill."""

    lines: list[list[list[Point]]]
    low: float
    high: float
    top: int
    steps: int
    is_logarithmic: bool

    @classmethod
    def over(cls, stretches: Sequence[Stretch], rate: Callable[[Rates], Level], *, top: int) -> _Panel:
        lines = [_lines(stretch, rate, stretches[-1].stop) for stretch in stretches]
        values = [value for phase in lines for line in phase for _, value in line]
        low, high = min(values), max(values)
        if low == high:  # a steady number: draw it in the middle
            low, high = min(0.0, 2 * low), max(2 * high, 1e-12)
        # Of an exponential ramp, most would lie on the ground otherwise.
        is_logarithmic = low > 0 and any(map(_is_exponential, stretches))
        return cls(lines, low, high, top, stretches[-1].stop, is_logarithmic)

    def point(self, step: float, value: float) -> Point:
        """Return the pixel of a value."""
        share = (self._height(value) - self._height(self.low)) / (self._height(self.high) - self._height(self.low))
        return self.x(step), self.top + PANEL * (1 - share)

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - MARGIN) * step / self.steps

    def _height(self, value: float) -> float:
        return math.log10(value) if self.is_logarithmic else value


def _is_exponential(stretch: Stretch) -> bool:
    course = stretch.phase.learning_rate
    return isinstance(course, Ramp) and course.annealing == "exponential"


def _lines(stretch: Stretch, rate: Callable[[Rates], Level], steps: int) -> list[list[Point]]:
    """Return the line of each layer group; one where all have the same number."""
    every = max(1, steps // MOST_POINTS)
    levels = [(step, rate(stretch.rates(step))) for step in [*range(stretch.first, stretch.stop, every), stretch.stop]]
    groups = joint_groups(*(level for _, level in levels)) or 1
    return [[(step, spread_out(level, groups)[group]) for step, level in levels] for group in range(groups)]


def _draw_panel(draw: ImageDraw.ImageDraw, panel: _Panel, stretches: Sequence[Stretch], title: str) -> None:
    font = ImageFont.load_default(12)
    middle = math.sqrt(panel.low * panel.high) if panel.is_logarithmic else (panel.low + panel.high) / 2
    for value in (panel.low, middle, panel.high):
        x, y = panel.point(0, value)
        draw.line((x, y, WIDTH - MARGIN, y), fill=FAINT)
        draw.text((LEFT - 8, y), f"{value:.3g}", fill=INK, font=font, anchor="rm")
    for stretch in stretches[1:]:
        draw.line((panel.x(stretch.first), panel.top, panel.x(stretch.first), panel.top + PANEL), fill=FAINT, width=2)
    for phase in panel.lines:
        for group, line in enumerate(phase):
            draw.line([panel.point(*point) for point in line], fill=COLOURS[group % len(COLOURS)], width=2)
    name = f"{title} (logarithmic)" if panel.is_logarithmic else title
    draw.text((LEFT, panel.top + PANEL + 6), name, fill=INK, font=font)
    draw.text((WIDTH - MARGIN, panel.top + PANEL + 6), f"{panel.steps:,} steps", fill=INK, font=font, anchor="ra")


def _draw_names(draw: ImageDraw.ImageDraw, stretches: Sequence[Stretch]) -> None:
    """Name each optimiser where it begins, as far as there is room."""
    font = ImageFont.load_default(12)
    free = 0.0
    for before, stretch in zip([None, *stretches], stretches, strict=False):
        x = LEFT + (WIDTH - LEFT - MARGIN) * stretch.first / stretches[-1].stop
        text = _named(stretch.phase)
        if x < free or (before is not None and _named(before.phase) == text):
            continue
        length = draw.textlength(text, font=font)
        x = max(free, min(x, WIDTH - 8 - length))
        draw.text((x, TOP - 20), text, fill=INK, font=font)
        free = x + length + 12


def _named(phase: Phase) -> str:
    """Return the optimiser of a phase, and what else tells it from others."""
    more = [f"{phase.side} px" if phase.side else "", f"{phase.frozen} frozen" if phase.frozen else ""]
    return ", ".join([str(phase.optimiser), *filter(None, more)])
