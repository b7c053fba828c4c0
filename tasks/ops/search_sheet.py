"""The pictures that a search found, each over its cosine and its class, below what was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from storage.names import without_controls
from tasks.ops.search_results import Hit

COLUMNS, THUMBNAIL = 6, 128
MARGIN, BAR, LINE = 10, 5, 15
TITLE, TEXT = 20, 12
MOST_LETTERS = 200
PAPER, INK, FAINT, TRACK = (250, 250, 248), (50, 50, 50), (120, 120, 116), (226, 226, 220)
COLOURS = {"seen": (58, 110, 165), "unseen": (204, 102, 34), "": (110, 110, 106)}
"""By role of the class: what the model learnt from, what it never saw, what nobody can tell."""


def search_sheet(
    images: Sequence[NDArray[np.uint8]],
    hits: Sequence[Hit],
    *,
    title: str,
    lines: Sequence[str],
    photo: NDArray[np.uint8] | None = None,
) -> Image.Image:
    """Lay out `(side, side, 3)` uint8 images in their order, six to a row, under a title and smaller lines.

    The bar under each picture is its cosine, from 0 to 1, in the colour of its role. `photo` is the picture that was
    asked for, shown beside the title.
    """
    head = max(MARGIN + TITLE + LINE * (len(lines) + 1), THUMBNAIL + 2 * MARGIN if photo is not None else 0)
    cell = (THUMBNAIL + MARGIN, THUMBNAIL + BAR + 2 * LINE + MARGIN)
    rows = -(-len(images) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * cell[0] + MARGIN, head + rows * cell[1] + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    left = MARGIN
    if photo is not None:
        sheet.paste(_thumbnail(photo), (MARGIN, MARGIN))
        left += THUMBNAIL + MARGIN
    _text(draw, (left, MARGIN), title, INK, width=sheet.width - MARGIN - left, size=TITLE)
    for number, line in enumerate(lines):
        top = MARGIN + TITLE + LINE // 2 + number * LINE
        _text(draw, (left, top), line, FAINT, width=sheet.width - MARGIN - left, size=TEXT)
    for place, (pixels, hit) in enumerate(zip(images, hits, strict=True)):
        corner = (MARGIN + place % COLUMNS * cell[0], head + place // COLUMNS * cell[1])
        sheet.paste(_thumbnail(pixels), corner)
        _caption(draw, hit, left=corner[0], top=corner[1] + THUMBNAIL)
    return sheet


def _caption(draw: ImageDraw.ImageDraw, hit: Hit, *, left: int, top: int) -> None:
    """Draw the bar of the cosine, the cosine with the class, and the role with the row, below a picture."""
    colour = COLOURS[hit.role]
    draw.rectangle((left, top, left + THUMBNAIL - 1, top + BAR - 1), fill=TRACK)
    filled = round(THUMBNAIL * min(max(hit.cosine, 0.0), 1.0))
    if filled:
        draw.rectangle((left, top, left + filled - 1, top + BAR - 1), fill=colour)
    label = hit.label.replace("_", " ")
    _text(draw, (left, top + BAR + 1), f"{hit.cosine:.2f}  {label}", INK, width=THUMBNAIL, size=TEXT)
    told = f"{hit.role}, row {hit.row}" if hit.role else f"row {hit.row}"
    _text(draw, (left, top + BAR + 1 + LINE), told, colour, width=THUMBNAIL, size=TEXT)


def _thumbnail(pixels: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(pixels)
    if picture.size == (THUMBNAIL, THUMBNAIL):
        return picture
    # Small squares enlarged smoothly look out of focus, and say less.
    kernel = Image.Resampling.BICUBIC if picture.width < THUMBNAIL else Image.Resampling.LANCZOS
    return picture.resize((THUMBNAIL, THUMBNAIL), kernel)


def _text(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    *,
    width: int,
    size: int,
) -> None:
    """Write one line, cut to `width` pixels with dots where something is missing."""
    font = ImageFont.load_default(size)
    # What breaks lines cannot be measured, and nobody sees more letters than that.
    text = shown = without_controls(text[:MOST_LETTERS])
    while shown and draw.textlength(shown, font=font) > width:
        text = text[:-1]
        shown = f"{text}…"
    draw.text(corner, shown, fill=colour, font=font)
