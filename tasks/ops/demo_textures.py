"""Photo-like surfaces of the demonstration set: noise with a natural spectrum, coloured by a few muted tones.

Everything is cut from noise tiles that are made once per process, so that a picture costs milliseconds.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.ops.demo_tones import Tone

TILE_SIDE = 1024
TILE_SEED = 109
GRITTY, NATURAL, CLOUDY = 0.3, 1.0, 1.6
"""Exponents of a 1/f spectrum; amplitude falls as 1/f in photographs of nature (Field 1987)."""

Size = tuple[int, int]


def texture(rng: np.random.Generator, size: Size, *, roughness: float, grain: Size = (1, 1)) -> Image.Image:
    """Return a noise field of `size` (width, height), mode L, around 128 with a deviation of about 44.

    `roughness` is the exponent of its 1/f spectrum: GRITTY, NATURAL or CLOUDY.
    `grain` stretches it by whole factors along x and y, as wood or water does.
    """
    width, height = size
    columns, rows = -(-width // grain[0]), -(-height // grain[1])
    left, top = (int(value) for value in rng.integers(0, TILE_SIDE, 2))
    mirrored = rng.random() < 0.5
    patch = _wrapped(_tile(roughness), top, left, rows, columns)
    image = Image.fromarray(np.ascontiguousarray(patch[:, ::-1] if mirrored else patch))
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.BICUBIC)


def coloured(field: Image.Image, tones: tuple[Tone, ...], *, reach: float = 1.0) -> Image.Image:
    """Map a field of mode L through `tones` from dark to light; return RGB.

    The tones are spread evenly over the levels 128 ± 100 × `reach`: a small reach gives more contrast.
    """
    stops = 128 + np.linspace(-100, 100, len(tones)) * reach
    levels = np.arange(256)
    curves = [np.interp(levels, stops, [tone[band] for tone in tones]) for band in range(3)]
    return Image.merge("RGB", [field.point(np.round(curve).astype(int).tolist()) for curve in curves])


def smooth_field(rng: np.random.Generator, size: Size, *, cells: Size, low: int, high: int) -> Image.Image:
    """Return a slowly varying field of mode L between `low` and `high`, with `cells` knots along x and y."""
    knots = rng.integers(low, high + 1, (cells[1], cells[0]), dtype=np.uint8)
    return Image.fromarray(knots).resize(size, Image.Resampling.BICUBIC)


@cache
def _tile(roughness: float) -> NDArray[np.uint8]:
    """Return periodic noise `(1024, 1024)` uint8 whose amplitude falls as 1/f^roughness."""
    seed = np.random.SeedSequence([TILE_SEED, round(roughness * 100)])
    white = np.random.default_rng(seed).standard_normal((TILE_SIDE, TILE_SIDE), dtype=np.float32)
    fy = np.fft.fftfreq(TILE_SIDE)[:, None]
    fx = np.fft.rfftfreq(TILE_SIDE)[None, :]
    # Waves longer than a sixteenth of the tile are held level: one of them would tint a whole picture.
    frequency = np.maximum(np.hypot(fx, fy), 16 / TILE_SIDE).astype(np.float32)
    shaped = np.fft.irfft2(np.fft.rfft2(white) / frequency**roughness, s=white.shape)
    shaped *= 44 / shaped.std()
    return np.clip(shaped + 128, 0, 255).astype(np.uint8)


def _wrapped(tile: NDArray[np.uint8], top: int, left: int, rows: int, columns: int) -> NDArray[np.uint8]:
    """Return a window of the periodic `tile`, `(rows, columns)`, that may run over its edges."""
    if top + rows <= TILE_SIDE and left + columns <= TILE_SIDE:
        return tile[top : top + rows, left : left + columns]
    return tile.take(range(top, top + rows), axis=0, mode="wrap").take(range(left, left + columns), axis=1, mode="wrap")
