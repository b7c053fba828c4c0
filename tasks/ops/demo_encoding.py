"""Turns a picture into the bytes of a file with a given quirk, sound or broken. Pure: pixels in, bytes out."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tasks.ops.demo_quirks import Quirk

STORED_TURNED = {
    Quirk.ORIENTATION_3: (3, Image.Transpose.ROTATE_180),
    Quirk.ORIENTATION_6: (6, Image.Transpose.ROTATE_90),
    Quirk.ORIENTATION_8: (8, Image.Transpose.ROTATE_270),
}
"""EXIF's number, and how pixels are turned before they are stored so that a viewer that obeys it shows them upright."""

ORIENTATION_TAG = 0x0112
BOMB_SIDE = 13370
"""179 megapixels; 1.4 GB and 5 s for a decoder that believes it."""
BOMB_SCANS = 120
STRAY_MARKER = b"\xff\xd0"
"""A restart marker where none is due: every decoder meets it before it has all blocks, so it can't go unnoticed.

Most flipped bits do: libjpeg decodes them to other pixels without a word.
"""

WEB_PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>410 Gone</title></head>
<body><h1>This photo is no longer available</h1>
<p>The owner removed it, or the link has expired. <a href="/explore">See other photos.</a></p></body></html>
"""


def encoded(image: Image.Image, rng: np.random.Generator, *, quirk: Quirk) -> bytes:
    """Return the bytes of a file that shows RGB `image` with the given quirk."""
    quality = int(rng.integers(90, 97))
    subsampling = 0 if rng.random() < 0.25 else 2
    match quirk:
        case Quirk.GREY:
            return _jpeg(image.convert("L"), quality=quality)
        case Quirk.CMYK:
            return _jpeg(_separated(image), quality=quality)
        case Quirk.ORIENTATION_3 | Quirk.ORIENTATION_6 | Quirk.ORIENTATION_8:
            orientation, turn = STORED_TURNED[quirk]
            exif = Image.Exif()
            exif[ORIENTATION_TAG] = orientation
            return _jpeg(image.transpose(turn), quality=quality, subsampling=subsampling, exif=exif)
        case Quirk.PNG | Quirk.PNG_ALPHA | Quirk.PNG_PALETTE | Quirk.PNG_16_BIT:
            return _png(image, quirk)
        case _:
            progressive = quirk is Quirk.PROGRESSIVE
            plain = _jpeg(image, quality=quality, subsampling=subsampling, progressive=progressive)
            return damaged(plain, rng, quirk=quirk)


def damaged(jpeg: bytes, rng: np.random.Generator, *, quirk: Quirk) -> bytes:
    """Return baseline `jpeg` broken as `quirk` says, or as it is where `quirk` is not a broken kind."""
    match quirk:
        case Quirk.TRUNCATED:
            return jpeg[: _inside_scan(jpeg, rng.uniform(0.2, 0.8))]
        case Quirk.CORRUPT:
            start = _inside_scan(jpeg, rng.uniform(0.2, 0.8))
            return jpeg[:start] + STRAY_MARKER + jpeg[start + len(STRAY_MARKER) :]
        case Quirk.EMPTY:
            return b""
        case Quirk.WEB_PAGE:
            return WEB_PAGE
        case Quirk.PIXEL_BOMB:
            return _pixel_bomb(jpeg)
        case Quirk.SCAN_BOMB:
            return _scan_bomb(jpeg)
        case _:
            return jpeg


def _jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _png(image: Image.Image, quirk: Quirk) -> bytes:
    if quirk is Quirk.PNG_ALPHA:
        # Opaque in the middle, clear in the corners.
        mask = Image.radial_gradient("L").point([min(255, max(0, 2 * (245 - level))) for level in range(256)])
        image = image.copy()
        image.putalpha(mask.resize(image.size))
    elif quirk is Quirk.PNG_PALETTE:
        image = image.quantize(128)
    elif quirk is Quirk.PNG_16_BIT:
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _separated(image: Image.Image) -> Image.Image:
    """Return RGB `image` as CMYK, with the grey that the three inks share printed in black."""
    inks = 255 - np.asarray(image).astype(np.int32)
    black = inks.min(axis=2, keepdims=True)
    colours = (inks - black) * 255 // np.maximum(255 - black, 1)
    return Image.fromarray(np.concatenate([colours, black], axis=2).astype(np.uint8), "CMYK")


def _inside_scan(jpeg: bytes, share: float) -> int:
    """Return an offset `share` of the way through the entropy-coded bytes, not right behind an 0xFF."""
    start = jpeg.rindex(b"\xff\xda") + 14
    offset = start + int((len(jpeg) - start) * share)
    while jpeg[offset - 1] == 0xFF:
        offset += 1
    return offset


def _pixel_bomb(jpeg: bytes) -> bytes:
    """Return a small JPEG whose header claims 13370 × 13370 pixels."""
    small = _thumbnail(jpeg, progressive=False)
    # The frame header: marker, 2 bytes of length, 1 of precision, 2 of height, 2 of width.
    size = small.index(b"\xff\xc0") + 5
    return small[:size] + BOMB_SIDE.to_bytes(2, "big") * 2 + small[size + 4 :]


def _scan_bomb(jpeg: bytes) -> bytes:
    """Return a small progressive JPEG that sends its last scan again and again."""
    small = _thumbnail(jpeg, progressive=True)
    last_scan = small[small.rindex(b"\xff\xda") : -2]
    return small[:-2] + last_scan * BOMB_SCANS + small[-2:]


def _thumbnail(jpeg: bytes, *, progressive: bool) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as image:
        return _jpeg(image.resize((96, 72)), quality=75, progressive=progressive)
