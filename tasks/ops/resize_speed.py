"""Measures whether Pillow resizes with SIMD, against the decoder of another library as the yardstick."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import Image

WIDTH, HEIGHT, SIDE = 500, 375, 224
PLAIN_PILLOW_IN_DECODES = {"bilinear": 0.84, "bicubic": 1.35, "lanczos": 1.86}
"""Cost of plain Pillow's resize of a 500×375 picture to 224, in strict decodes of it by simplejpeg.

Measured by benchmarks/simd.py with plain Pillow in an environment of its own."""
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, slots=True)
class ResizeSpeed:
    """CPU ms of one resize, and how many times quicker that is than plain Pillow would be here."""

    interpolation: str
    cpu_ms: float
    decode_ms: float

    @property
    def in_decodes(self) -> float:
        return self.cpu_ms / self.decode_ms

    @property
    def times_plain(self) -> float:
        return PLAIN_PILLOW_IN_DECODES[self.interpolation] / self.in_decodes


def resize_speeds() -> list[ResizeSpeed]:
    """Measure each filter; takes about a third of a second."""
    picture = sample_picture()
    encoded = simplejpeg.encode_jpeg(picture, quality=92)
    image = Image.fromarray(picture)
    decode_ms = cpu_ms(lambda: simplejpeg.decode_jpeg(encoded, strict=True))
    return [
        ResizeSpeed(name, cpu_ms(lambda kind=kind: image.resize((SIDE * WIDTH // HEIGHT, SIDE), kind)), decode_ms)
        for name, kind in FILTERS.items()
    ]


def sample_picture() -> np.ndarray:
    """Return a picture that takes as long to decode as a photograph, `(375, 500, 3)` uint8 RGB."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(np.int16)
    grain = generator.normal(0, 9, (HEIGHT, WIDTH, 1)).astype(np.int16)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def cpu_ms(work: Callable[[], object], *, repeats: int = 15, rounds: int = 4) -> float:
    """Return the CPU milliseconds of one call, the smallest mean of `rounds`."""
    work()
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(repeats):
            work()
        best = min(best, time.process_time() - started)
    return 1000 * best / repeats
