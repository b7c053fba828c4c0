"""Names the libraries whose version decides pixels, for the plan."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from PIL import features

PILLOWS = ("pillow-simd", "pillow")

Libraries = tuple[tuple[str, str], ...]
"""Names and versions."""


def pillow_distribution() -> tuple[str, str]:
    """Return name and version of the distribution that provides PIL: pillow-simd, else pillow."""
    for name in PILLOWS:
        try:
            return name, version(name)
        except PackageNotFoundError:
            continue
    raise PackageNotFoundError("neither pillow-simd nor pillow is installed; run: make demo")


def pixel_libraries() -> Libraries:
    """Return name and version of each library that decodes or resizes."""
    return (
        pillow_distribution(),
        ("libjpeg-turbo of Pillow", str(features.version("libjpeg_turbo"))),
        ("simplejpeg", version("simplejpeg")),
    )


def pair_libraries() -> Libraries:
    """Return name and version of each library that decides the bad image of a pair, besides the good one's pixels.

    FreeType draws the numbers; numpy, whose generators may draw otherwise in a later version (NEP 19), the rest.
    """
    return (
        *pixel_libraries(),
        ("FreeType of Pillow", str(features.version("freetype2"))),
        ("numpy", version("numpy")),
    )


def with_changes(sentence: str, then: Libraries, now: Libraries) -> str:
    """Return a sentence about other bytes, with what has changed since `then` in brackets, if anything has."""
    before, after = dict(then), dict(now)
    changed = [
        f"{name} {before[name]} → {after.get(name, 'none')}" for name in before if before[name] != after.get(name)
    ]
    return f"{sentence} ({', '.join(changed)})" if changed else sentence
