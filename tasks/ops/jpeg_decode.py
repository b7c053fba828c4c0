"""Strict decoding of JPEG files by libjpeg-turbo: whatever it would only warn of is a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from storage.refused import Reason, Refusal
from tasks.ops.colour_policy import converted_to_rgb, orientation_in, upright
from tasks.ops.decode_limits import DecodeLimits, refuse_size
from tasks.ops.jpeg_headers import JpegHead, has_end, has_more_scans, read_head
from tasks.ops.pillow_internals import rgb_sharing
from tasks.ops.scaled_images import note_extent

_LIBJPEG_ERRORS = (ValueError, KeyError)
_TRUNCATED = ("Premature end of JPEG file", "Premature end of input file", "Empty input file", "missing SOS marker")
_UNSUPPORTED = ("Unsupported", "Sorry,", "not supported", "Could not determine")


def decode_jpeg(data: bytes, limits: DecodeLimits, *, shorter_side: int | None) -> Image.Image | Refusal:
    """Decode a JPEG to an upright RGB image, or say why not.

    With `shorter_side`, at the smallest of libjpeg's scales that leaves that many pixels.
    """
    head = read_head(data)
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except _LIBJPEG_ERRORS as error:
        return _refused(error, data, head)
    refusal = refuse_size(int(width), int(height), limits) or _refuse_scans(data, head, limits)
    if refusal:
        return refusal
    four_inks = space in ("CMYK", "YCCK")
    layout = "CMYK" if four_inks else "RGBX"
    try:
        pixels = simplejpeg.decode_jpeg(data, layout, strict=True, **_scale(shorter_side))
    except _LIBJPEG_ERRORS as error:
        return _refused(error, data, head)
    orientation = orientation_in(head.exif)
    image = upright(converted_to_rgb(_cmyk(pixels)) if four_inks else rgb_sharing(pixels), orientation)
    note_extent(image, (int(width), int(height)), orientation=orientation)
    return image


def _refuse_scans(data: bytes, head: JpegHead, limits: DecodeLimits) -> Refusal | None:
    if head.one_scan or not has_more_scans(data, limits.max_scans):
        return None
    return Refusal(Reason.TOO_MANY_SCANS, f"expected at most {limits.max_scans} scans, the file has more")


def _scale(shorter_side: int | None) -> dict[str, Any]:
    """Return simplejpeg's arguments for a scaled decode; scales above 1/2 cost as much as a full one."""
    if shorter_side is None:
        return {}
    return {"min_width": shorter_side, "min_height": shorter_side, "min_factor": 2}


def _cmyk(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return the CMYK image of `pixels`, `(height, width, 4)` uint8, stored inverted as Adobe does."""
    return Image.frombytes("CMYK", pixels.shape[1::-1], pixels, "raw", "CMYK;I")


def _refused(error: Exception, data: bytes, head: JpegHead) -> Refusal:
    if isinstance(error, KeyError):  # simplejpeg has no name for this sampling
        return Refusal(Reason.UNKNOWN_FORMAT, "libjpeg-turbo: 4:4:1 chroma sampling is not supported")
    detail = f"libjpeg-turbo: {error}"
    if "Insufficient memory" in detail:
        return Refusal(Reason.TOO_MUCH_MEMORY, detail)
    if not head.complete or not has_end(data) or any(text in detail for text in _TRUNCATED):
        return Refusal(Reason.TRUNCATED, detail)
    if any(text in detail for text in _UNSUPPORTED):
        return Refusal(Reason.UNKNOWN_FORMAT, detail)
    return Refusal(Reason.CORRUPT, detail)
