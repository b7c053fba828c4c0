"""Decoding of PNG, WebP, BMP and GIF files by Pillow, with what Pillow leaves unchecked checked before."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Literal

from PIL import Image, UnidentifiedImageError

from storage.refused import Reason, Refusal
from tasks.ops.colour_policy import converted_to_rgb, orientation_in, upright
from tasks.ops.decode_limits import DecodeLimits, refuse_size
from tasks.ops.png_chunks import png_damage
from tasks.ops.webp_headers import webp_damage, webp_size

PillowFormat = Literal["PNG", "WEBP", "BMP", "GIF"]

_FILTERING = threading.Lock()


def decode_by_pillow(data: bytes, kind: PillowFormat, limits: DecodeLimits) -> Image.Image | Refusal:
    """Decode a file of the given format to an upright RGB image, or say why not."""
    if refusal := _refused_unopened(data, kind, limits):
        return refusal
    loaded = _loaded(data, kind, limits)
    if isinstance(loaded, Refusal):
        return loaded
    return upright(converted_to_rgb(loaded), orientation_in(loaded.info.get("exif", b"")))


def _refused_unopened(data: bytes, kind: PillowFormat, limits: DecodeLimits) -> Refusal | None:
    if kind == "PNG":
        return png_damage(data)
    if kind == "WEBP":
        return webp_damage(data) or refuse_size(*webp_size(data), limits)
    return None


def _loaded(data: bytes, kind: PillowFormat, limits: DecodeLimits) -> Image.Image | Refusal:
    """Open and load by Pillow alone, whose plugins raise exceptions of any type on hostile bytes."""
    try:
        with _hushed():
            image = Image.open(BytesIO(data), formats=[kind])
            if refusal := refuse_size(*image.size, limits):
                return refusal
            if getattr(image, "is_animated", False):
                return Refusal(Reason.ANIMATED, f"{kind}: expected one frame, the file has more")
            image.load()
            return image
    except Image.DecompressionBombError as error:
        return Refusal(Reason.TOO_MANY_PIXELS, f"{kind}: {error}")
    except MemoryError:
        raise
    except UnidentifiedImageError:  # its text holds an address, which differs from run to run
        return Refusal(Reason.CORRUPT, f"{kind}: Pillow finds no header that it can read")
    except Exception as error:
        reason = Reason.TRUNCATED if _tells_of_an_early_end(error) else Reason.CORRUPT
        return Refusal(reason, f"{kind}: {type(error).__name__}: {error}")


def _tells_of_an_early_end(error: Exception) -> bool:
    return isinstance(error, EOFError) or "truncated" in str(error).lower()


@contextmanager
def _hushed() -> Iterator[None]:
    """Drop Pillow's warnings; one thread at a time, because the filters belong to the whole process."""
    with _FILTERING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
