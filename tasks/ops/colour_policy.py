"""The written policy that turns every kind of pixel into upright 8-bit RGB. Plans record it.

Whoever changes a pixel here raises the version in `COLOUR_POLICY`.
"""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

COLOUR_POLICY = (
    "version 1",
    "CMYK and YCCK: inverted as Adobe writes them, then Pillow's plain conversion",
    "grey: replicated to three channels",
    "1-bit: 0 and 255",
    "palette: expanded",
    "alpha and transparent colours: composited over white",
    "16-bit grey: v / 257, rounded",
    "16-bit colour and 16-bit grey with alpha: the high byte",
    "EXIF orientation: applied; an unreadable one counts as upright",
    "ICC profiles and gamma: ignored",
)

_ORIENTATION_TAG, _SHORT = 0x0112, 3
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_UPRIGHTING = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def converted_to_rgb(image: Image.Image) -> Image.Image:
    """Return `image` in mode RGB by the colour policy.

    Raises:
        ValueError: for a mode that the policy does not name.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "I;16":
        image = _sixteen_bit_grey(image)
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        return _over_white(image.convert("RGBA"))
    if image.mode not in ("1", "L", "P", "CMYK"):
        raise ValueError(f"expected mode 1, L, LA, P, PA, RGB, RGBA, CMYK or I;16, got {image.mode}")
    return image.convert("RGB")


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return `image` turned and mirrored as an EXIF orientation, 1 to 8, asks."""
    method = _UPRIGHTING.get(orientation)
    return image if method is None else image.transpose(method)


def orientation_in(exif: bytes) -> int:
    """Return the orientation, 1 to 8, that an EXIF block asks for; 1 where it has none that can be read.

    Only this one tag is read: Pillow's parser copies every tag's value, and a block of overlapping values
    can make it take memory without bound.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for index in range(entries):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, directory + 2 + 12 * index)
            if tag == _ORIENTATION_TAG:
                return value if kind == _SHORT and 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _over_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _sixteen_bit_grey(image: Image.Image) -> Image.Image:
    """Return the 8-bit L or LA image of an I;16 one; the transparent value is compared in 16 bits."""
    values = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey
