"""Turn the bytes of one image file into one upright RGB image, or into the reason why not.

The rule: any bytes give an image or a `Refusal`, without an exception, a warning or a pixel made up.
"""

from __future__ import annotations

from PIL import Image

from storage.refused import Reason, Refusal
from tasks.ops.colour_policy import COLOUR_POLICY
from tasks.ops.decode_limits import DecodeLimits
from tasks.ops.jpeg_decode import decode_jpeg
from tasks.ops.pillow_decode import PillowFormat, decode_by_pillow

__all__ = ["COLOUR_POLICY", "DecodeLimits", "decode_rgb"]

_JPEG = b"\xff\xd8\xff"
_PILLOW_MAGIC: tuple[tuple[bytes, PillowFormat], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
)


def decode_rgb(data: bytes, limits: DecodeLimits, *, shorter_side: int | None = None) -> Image.Image | Refusal:
    """Decode a JPEG, PNG, WebP, BMP or GIF file to an upright image in mode RGB, or say why it is refused.

    The first bytes decide the format, not the name; what follows the image's end is ignored. With
    `shorter_side` a JPEG is decoded at the smallest scale whose shorter side still has that many pixels.
    """
    if not data:
        return Refusal(Reason.EMPTY, "expected an image, the file has 0 bytes")
    try:
        if data.startswith(_JPEG):
            return decode_jpeg(data, limits, shorter_side=shorter_side)
        if kind := _pillow_format(data):
            return decode_by_pillow(data, kind, limits)
    except MemoryError as error:
        return Refusal(Reason.TOO_MUCH_MEMORY, f"not enough memory to decode {len(data)} bytes: {error}")
    detail = f"expected JPEG, PNG, WebP, BMP or GIF, the file begins with {data[:8].hex(' ')}"
    return Refusal(Reason.UNKNOWN_FORMAT, detail)


def _pillow_format(data: bytes) -> PillowFormat | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _PILLOW_MAGIC if data.startswith(magic)), None)
