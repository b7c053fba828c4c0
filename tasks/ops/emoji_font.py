"""Finds the Noto Color Emoji font, or fetches it without root from Debian's archive into the user's cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from PIL import ImageFont

from tasks.ops.debian_packages import NotFetched, unpack_packages
from tasks.ops.user_cache import user_cache

FONT_FILE = "NotoColorEmoji.ttf"
FONT_PIXELS = 109
"""The only size at which FreeType opens this font's bitmaps."""
PACKAGE = "fonts-noto-color-emoji"
SYSTEM_FONTS = Path("/usr/share/fonts")


class EmojiFontMissing(FileNotFoundError):
    """There is no usable Noto Color Emoji here; the message names the Debian package and both remedies."""


def find_emoji_font(path: Path | None = None, *, system_fonts: Path = SYSTEM_FONTS, cache: Path | None = None) -> Path:
    """Return the font file: `path` if given, else the system's, else the cached one, else fetched into the cache.

    Raises:
        EmojiFontMissing: none of these has it, or `path` is not that font.
    """
    if path is not None:
        return _checked(path)
    return installed_emoji_font(system_fonts=system_fonts, cache=cache) or _fetched(_cached(cache))


def installed_emoji_font(*, system_fonts: Path = SYSTEM_FONTS, cache: Path | None = None) -> Path | None:
    """Return the font file of the system, else the cached one, or None; nothing is fetched."""
    candidates = (*sorted(system_fonts.rglob(FONT_FILE)), _cached(cache))
    return next((candidate for candidate in candidates if _is_usable(candidate)), None)


def _cached(cache: Path | None) -> Path:
    return (cache or user_cache(os.environ)) / "fonts" / FONT_FILE


def _is_usable(path: Path) -> bool:
    """Tell whether `path` is a font with bitmaps of the size that Noto Color Emoji has."""
    try:
        # Not ImageFont.truetype: where that cannot open a path, it opens the system's font of the same name.
        ImageFont.FreeTypeFont(str(path), FONT_PIXELS)
    except OSError:
        return False
    return True


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise EmojiFontMissing(f"there is no font file {path}. {_remedies()}")
    if not _is_usable(path):
        raise EmojiFontMissing(f"{path} is not Noto Color Emoji with bitmaps. {_remedies()}")
    return path


def _fetched(target: Path) -> Path:
    """Download the Debian package, unpack it beside `target`, and move the font there in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
        try:
            font = next(unpack_packages([PACKAGE], Path(folder)).rglob(FONT_FILE))
        except (NotFetched, StopIteration) as error:
            why = str(error) or "the package did not hold what was expected"
            raise EmojiFontMissing(
                f"{FONT_FILE} is not on this machine, and fetching the package {PACKAGE} failed ({why}). {_remedies()}"
            ) from error
        _checked(font).replace(target)
    return target


def _remedies() -> str:
    return (
        f"Either install Debian's package (apt-get update && apt-get install {PACKAGE}), "
        f"or give the path of a {FONT_FILE} that you have"
    )
