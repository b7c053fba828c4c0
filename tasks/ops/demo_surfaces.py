"""Surfaces seen from above, on which a thing may lie. Each returns an RGB picture of `size` (width, height)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tasks.ops.demo_textures import CLOUDY, GRITTY, NATURAL, Size, coloured, smooth_field, texture
from tasks.ops.demo_tones import ground_tones, muted_tone, scaled_tone, tinted_tone


def planks(rng: np.random.Generator, size: Size) -> Image.Image:
    """Boards side by side, seen from above."""
    width, height = size
    upright = rng.random() < 0.5
    image = wood(rng, size, horizontal=not upright)
    across = width if upright else height
    step = int(across * rng.uniform(0.14, 0.3)) + 2
    shade = Image.new("L", size, 0)
    draw = ImageDraw.Draw(shade)
    for edge in range(int(rng.integers(step)), across, step):
        near = edge - step
        box = (near, 0, edge, height) if upright else (0, near, width, edge)
        draw.rectangle(box, fill=int(rng.integers(0, 55)))
        line = (edge, 0, edge, height) if upright else (0, edge, width, edge)
        draw.line(line, fill=190, width=max(1, min(size) // 150))
    image.paste((25, 20, 16), (0, 0), shade)
    return image


def tiles(rng: np.random.Generator, size: Size) -> Image.Image:
    """Kitchen tiles or paving with grout, each stone a little different."""
    pitch = max(6, int(min(size) * rng.uniform(0.12, 0.32)))
    columns, rows = size[0] // pitch + 2, size[1] // pitch + 2
    base = muted_tone(rng, rng.uniform(0.4, 0.82), chroma=0.08)
    other = tinted_tone(rng, base, spread=0.05) if rng.random() < 0.6 else muted_tone(rng, rng.uniform(0.3, 0.8))
    levels = rng.integers(90, 166, (rows, columns), dtype=np.uint8)
    levels += np.indices((rows, columns)).sum(0).astype(np.uint8) % 2 * 40
    stones = Image.fromarray(levels).resize((columns * pitch, rows * pitch), Image.Resampling.NEAREST)
    stones = stones.crop((0, 0, *size))
    field = Image.blend(stones, texture(rng, size, roughness=NATURAL), rng.uniform(0.15, 0.5))
    image = coloured(field, (base, other), reach=0.8)
    draw = ImageDraw.Draw(image)
    grout, line = scaled_tone(base, rng.choice([0.6, 1.25])), max(1, pitch // 22)
    for column in range(columns):
        draw.line((column * pitch, 0, column * pitch, size[1]), fill=grout, width=line)
    for row in range(rows):
        draw.line((0, row * pitch, size[0], row * pitch), fill=grout, width=line)
    return image


def fabric(rng: np.random.Generator, size: Size) -> Image.Image:
    """Woven cloth, striped or checked, with soft folds."""
    width, height = size
    period = max(6.0, min(size) * rng.uniform(0.04, 0.3))
    depth, checked = rng.uniform(0, 34), float(rng.integers(0, 2))
    stripes = [_stripes(edge, period, phase) * depth for edge, phase in zip(size, rng.uniform(0, 6, 2), strict=True)]
    weave = np.indices((2, 2), dtype=np.int16).sum(0, dtype=np.int16) % 2 * 14 - 7
    thread = np.tile(weave, (height // 2 + 1, width // 2 + 1))[:height, :width]
    level = 128 + stripes[0].astype(np.int16)[None, :] + (stripes[1] * checked).astype(np.int16)[:, None] + thread
    cloth = Image.fromarray(np.clip(level, 0, 255).astype(np.uint8))
    folds = smooth_field(rng, size, cells=(6, 5), low=50, high=205)
    field = Image.blend(Image.blend(cloth, folds, 0.3), texture(rng, size, roughness=GRITTY), 0.25)
    tone = muted_tone(rng, rng.uniform(0.3, 0.75), chroma=0.13)
    return coloured(field, (scaled_tone(tone, 0.7), tone, scaled_tone(tone, 1.35)), reach=0.7)


def pebbles(rng: np.random.Generator, size: Size) -> Image.Image:
    """Pebbles or fallen leaves, drawn one over the other."""
    family = [muted_tone(rng, rng.uniform(0.35, 0.85), chroma=0.09) for _ in range(5)]
    tones = [tinted_tone(rng, tone) for tone in family for _ in range(4)]
    half = (size[0] // 2 + 1, size[1] // 2 + 1)
    image = Image.new("RGB", half, scaled_tone(tones[0], 0.5))
    draw = ImageDraw.Draw(image)
    reach = min(half) * rng.uniform(0.04, 0.12)
    flatness = rng.uniform(0.5, 1.0)
    for x, y, radius, pick in rng.random((240, 4)):
        dx, dy = reach * (0.5 + radius), reach * (0.5 + radius) * flatness
        left, top = x * half[0] - dx, y * half[1] - dy
        tone = tones[int(pick * len(tones))]
        draw.ellipse((left, top + 1, left + 2 * dx, top + 2 * dy + 2), fill=scaled_tone(tone, 0.55))
        draw.ellipse((left, top, left + 2 * dx, top + 2 * dy), fill=tone)
    image = image.resize(size, Image.Resampling.BICUBIC)
    rough = coloured(texture(rng, size, roughness=GRITTY), ((0, 0, 0), (255, 255, 255)))
    return Image.blend(image, rough, rng.uniform(0.12, 0.25))


def stone(rng: np.random.Generator, size: Size) -> Image.Image:
    """Marble, concrete, sand, grass from above: one material all over."""
    grain = (int(rng.integers(1, 5)), int(rng.integers(1, 3)))
    field = texture(rng, size, roughness=float(rng.choice([GRITTY, NATURAL, CLOUDY])), grain=grain)
    return coloured(field, ground_tones(rng), reach=rng.uniform(0.9, 1.8))


def wood(rng: np.random.Generator, size: Size, *, horizontal: bool) -> Image.Image:
    """Boards of oak, pine, walnut or weathered wood with their grain along x or y."""
    bases = ((158, 122, 86), (120, 88, 62), (196, 172, 140), (150, 146, 138), (88, 68, 54))
    base = tinted_tone(rng, bases[int(rng.integers(len(bases)))])
    grain = (24, 1) if horizontal else (1, 24)
    field = Image.blend(texture(rng, size, roughness=GRITTY, grain=grain), texture(rng, size, roughness=NATURAL), 0.25)
    return coloured(field, (scaled_tone(base, 0.72), base, scaled_tone(base, 1.18)), reach=0.8)


def _stripes(edge: int, period: float, phase: float) -> NDArray[np.float64]:
    """Return `(edge,)` values in [-1, 1] that alternate with soft steps every half `period` pixels."""
    return np.tanh(3 * np.sin(np.arange(edge) * 2 * np.pi / period + phase))
