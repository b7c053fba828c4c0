"""A bar chart as an SVG file of docs/, so that a table of figures is seen at a glance."""

from __future__ import annotations

from html import escape
from pathlib import Path

from benchmarks.documents import DOCS

WIDTH, BAR, GAP, LEFT, RIGHT, TOP = 760, 20, 8, 260, 90, 40
OURS, OTHERS = "#0b6e4f", "#9aa5b1"

Bars = list[tuple[str, float, bool]]
"""What is measured, its figure, and whether it is ours."""


def write_bar_chart(name: str, title: str, bars: Bars) -> Path:
    """Draw `bars` from top to bottom into docs/images/NAME.svg; return the file."""
    path = DOCS / "images" / f"{name}.svg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(bar_chart(title, bars), encoding="utf-8")
    return path


def bar_chart(title: str, bars: Bars) -> str:
    """Return the chart as SVG."""
    height = TOP + len(bars) * (BAR + GAP) + GAP
    longest = max(value for _, value, _ in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{GAP}" y="{TOP - 18}" font-weight="bold">{escape(title)}</text>',
    ]
    for place, (label, value, is_ours) in enumerate(bars):
        top = TOP + place * (BAR + GAP)
        length = (WIDTH - LEFT - RIGHT) * value / longest
        text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        middle = top + BAR * 0.72
        lines += [
            f'<text x="{LEFT - GAP}" y="{middle:.1f}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{OURS if is_ours else OTHERS}"/>',
            f'<text x="{LEFT + length + GAP:.1f}" y="{middle:.1f}">{text}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
