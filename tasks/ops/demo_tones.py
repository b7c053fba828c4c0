"""Muted colours: a thing drawn in strong ones stands out from a place painted in these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Tone = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

COMMON_HUES = (0.55, 0.75, 1.9, 3.7)
"""Radians from red: wood and earth, sand, leaves, sky. Photographs hold little else."""

GROUNDS: tuple[Tone, ...] = (
    (112, 140, 80),
    (132, 152, 96),
    (206, 186, 150),
    (226, 230, 236),
    (104, 136, 158),
    (140, 114, 90),
    (158, 156, 152),
)
"""Meadow in shade and in sun, sand, snow, water, earth, stone."""


def muted_tone(rng: np.random.Generator, lightness: float, *, chroma: float = 0.10) -> Tone:
    """Return a tone around `lightness` in [0, 1], mostly of a common hue, at most `chroma` away from grey."""
    hue = float(rng.choice(COMMON_HUES)) + rng.normal(0, 0.3) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi)
    offsets = np.cos(hue - np.array([0.0, 2.0, 4.0]) * np.pi / 3) * chroma * rng.uniform(0.3, 1.0)
    return _as_tone(lightness + offsets)


def tinted_tone(rng: np.random.Generator, base: Tone, *, spread: float = 0.06) -> Tone:
    """Return a tone near `base`: lighter or darker by up to `spread`, its hue a little off."""
    shift = rng.uniform(-spread, spread) + rng.uniform(-spread / 4, spread / 4, 3)
    return _as_tone(np.array(base) / 255 + shift)


def mixed_tone(tone: Tone, other: Tone, share: float) -> Tone:
    """Return `tone` with `share` of it, in [0, 1], replaced by `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(tone, other, strict=True))
    return red, green, blue


def scaled_tone(tone: Tone, factor: float) -> Tone:
    """Return `tone` brighter or darker by `factor`."""
    red, green, blue = (min(255, round(level * factor)) for level in tone)
    return red, green, blue


def ground_tones(rng: np.random.Generator) -> tuple[Tone, Tone, Tone]:
    """Return one kind of ground from its shadows to its lights."""
    base = tinted_tone(rng, GROUNDS[int(rng.integers(len(GROUNDS)))])
    return scaled_tone(base, 0.7), base, scaled_tone(base, 1.28)


def _as_tone(levels: NDArray[np.float64]) -> Tone:
    red, green, blue = (int(value) for value in np.clip(np.round(levels * 255), 0, 255))
    return red, green, blue
