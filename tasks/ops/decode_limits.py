"""Bounds on what one image may cost, checked on its header before a pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from storage.refused import Reason, Refusal


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The most pixels an image, and the most scans a JPEG, may claim."""

    max_pixels: int = 50_000_000
    max_scans: int = 64


def refuse_size(width: int, height: int, limits: DecodeLimits) -> Refusal | None:
    """Return the refusal of an image whose header claims too many pixels, None where it may be decoded."""
    if width * height <= limits.max_pixels:
        return None
    claim = f"the header claims {width} by {height} = {width * height}"
    return Refusal(Reason.TOO_MANY_PIXELS, f"expected at most {limits.max_pixels} pixels, {claim}")
