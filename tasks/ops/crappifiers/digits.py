"""Numbers as masks of ink, drawn in the font that Pillow brings along, which is the same on every machine."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SMALLEST_FONT = 8
"""Pixels: in a smaller size a 6 and an 8 look alike."""


def ink_of(text: str, font_size: int, *, fits: tuple[int, int]) -> NDArray[np.uint8]:
    """Return how much ink each pixel of the digits `text` takes, `(h, w)` uint8, 255 at its most, without margins.

    Where it is larger than `fits` (height, width), it is scaled down until it fits.
    """
    ink = _without_margins(np.hstack([_digit(digit, max(font_size, SMALLEST_FONT)) for digit in text]))
    if ink.shape[0] <= fits[0] and ink.shape[1] <= fits[1]:
        return ink
    scale = min(fits[0] / ink.shape[0], fits[1] / ink.shape[1])
    size = max(1, int(ink.shape[1] * scale)), max(1, int(ink.shape[0] * scale))
    return _full_at_most(np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BOX)))


# By the digit, not by the number: those of a hundred numbers in a hundred sizes are soon all there.
@lru_cache(maxsize=2048)
def _digit(digit: str, font_size: int) -> NDArray[np.uint8]:
    """Return the ink of one digit, as wide as it makes the text and as high as the highest of the ten."""
    font = _font(font_size)
    _, top, _, bottom = (int(edge) for edge in font.getbbox("0123456789"))
    page = Image.new("L", (ceil(font.getlength(digit)), bottom - top))
    ImageDraw.Draw(page).text((0, -top), digit, fill=255, font=font)
    ink = _full_at_most(np.asarray(page))
    ink.flags.writeable = False
    return ink


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType, so no numbers can be drawn; run: make runtime")
    # Raqm, which some builds of Pillow prefer, measures otherwise.
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def _without_margins(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _full_at_most(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `ink` strengthened until its fullest pixel is full: scaled down or thin, it would be faint."""
    return (ink.astype(np.uint16) * 255 // max(1, int(ink.max()))).astype(np.uint8)
