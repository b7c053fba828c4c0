"""Where the original lies in an image decoded at a fraction of its size.

libjpeg rounds scaled sizes up: the last column and row may stand for less than a pixel, and a resize that
took them for whole ones would shift the picture by up to 20 dB of error. So the exact extent travels with
the image, in `Image.info`; an image decoded whole carries none.
"""

from __future__ import annotations

from PIL import Image

Box = tuple[float, float, float, float]

_KEY = "original_extent"

# By EXIF orientation: the sides of the stored image that become left, top, right and bottom.
_LEFT, _TOP, _RIGHT, _BOTTOM = range(4)
_TURNED_SIDES = {
    1: (_LEFT, _TOP, _RIGHT, _BOTTOM),
    2: (_RIGHT, _TOP, _LEFT, _BOTTOM),
    3: (_RIGHT, _BOTTOM, _LEFT, _TOP),
    4: (_LEFT, _BOTTOM, _RIGHT, _TOP),
    5: (_TOP, _LEFT, _BOTTOM, _RIGHT),
    6: (_BOTTOM, _LEFT, _TOP, _RIGHT),
    7: (_BOTTOM, _RIGHT, _TOP, _LEFT),
    8: (_TOP, _RIGHT, _BOTTOM, _LEFT),
}


def original_extent(image: Image.Image) -> Box:
    """Return the (left, top, right, bottom) that the original covers, in pixels of `image`."""
    return image.info.get(_KEY, (0.0, 0.0, float(image.width), float(image.height)))


def note_extent(image: Image.Image, original: tuple[int, int], *, orientation: int) -> None:
    """Note on an upright scaled image the extent of its original, whose (width, height) are as stored."""
    stored = image.size if orientation < 5 else image.size[::-1]
    if stored == original:
        return
    longer = 0 if original[0] >= original[1] else 1
    eighths = 8 * stored[longer] // original[longer]
    spare = (0.0, 0.0, stored[0] - original[0] * eighths / 8, stored[1] - original[1] * eighths / 8)
    left, top, right, bottom = (spare[side] for side in _TURNED_SIDES[orientation])
    image.info[_KEY] = (left, top, image.width - right, image.height - bottom)
