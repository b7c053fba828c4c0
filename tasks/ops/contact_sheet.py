"""A page of thumbnails with their classes, for a person to look at."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tasks.ops.markdown import embedded

MARGIN = 6
CAPTION = 14
PAPER = (250, 250, 248)
INK = (60, 60, 60)


def contact_sheet(images: NDArray[np.uint8], captions: list[str], *, columns: int, thumbnail: int) -> Image.Image:
    """Lay out `(n, side, side, 3)` uint8 images in rows of `columns`, each `thumbnail` pixels wide over its caption."""
    rows = -(-len(images) // columns)
    cell = (thumbnail + MARGIN, thumbnail + CAPTION + MARGIN)
    sheet = Image.new("RGB", (columns * cell[0] + MARGIN, rows * cell[1] + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (pixels, caption) in enumerate(zip(images, captions, strict=True)):
        left = MARGIN + place % columns * cell[0]
        top = MARGIN + place // columns * cell[1]
        picture = Image.fromarray(pixels)
        if picture.width != thumbnail:
            picture = picture.resize((thumbnail, thumbnail), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, top))
        draw.text((left, top + thumbnail + 1), _fitted(draw, caption, thumbnail), fill=INK)
    return sheet


def embedded_sheet(sheet: Image.Image, text: str) -> str:
    """Return a sheet as Markdown that needs no file beside it, a JPEG within it."""
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=85)
    return embedded(text, content.getvalue(), kind="jpeg")


def _fitted(draw: ImageDraw.ImageDraw, caption: str, width: int) -> str:
    """Cut a caption to `width` pixels, with dots where something is missing."""
    if draw.textlength(caption) <= width:
        return caption
    while caption and draw.textlength(caption + "..") > width:
        caption = caption[:-1]
    return caption + ".."
