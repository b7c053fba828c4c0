"""The places where the drawn things of the demonstration set lie, stand or hang; muted, so that they stand out.

Each function takes a generator and a size (width, height) in pixels and returns an RGB picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tasks.ops.demo_surfaces import fabric, pebbles, planks, stone, tiles, wood
from tasks.ops.demo_textures import CLOUDY, GRITTY, NATURAL, Size, coloured, smooth_field, texture
from tasks.ops.demo_tones import Tone, ground_tones, mixed_tone, muted_tone, scaled_tone, tinted_tone

ZENITHS = ((116, 160, 208), (140, 178, 210), (168, 178, 190), (208, 178, 162), (104, 118, 156))
"""The sky overhead: clear, hazy, grey, at sunset, before rain."""

STANDING, LYING, HANGING = "standing", "lying", "hanging"


@dataclass(frozen=True, slots=True)
class Backdrop:
    """An RGB picture and how a thing is in it: standing on the ground, lying seen from above, or in the air."""

    image: Image.Image
    pose: str


def draw_backdrop(rng: np.random.Generator, size: Size) -> Backdrop:
    """Return one of the kinds of backdrop at random."""
    standing, hanging = (_studio, _landscape, _landscape, _tabletop), (_lights, _sky)
    lying = (planks, tiles, fabric, pebbles, stone)
    kind = int(rng.integers(len(standing) + len(hanging) + len(lying)))
    if kind < len(standing):
        return Backdrop(standing[kind](rng, size), STANDING)
    if kind < len(standing) + len(lying):
        return Backdrop(lying[kind - len(standing)](rng, size), LYING)
    return Backdrop(hanging[kind - len(standing) - len(lying)](rng, size), HANGING)


def _studio(rng: np.random.Generator, size: Size) -> Image.Image:
    """A sweep of paper or plaster, light in the middle."""
    tone = muted_tone(rng, rng.uniform(0.45, 0.92))
    field = texture(rng, size, roughness=float(rng.choice([GRITTY, NATURAL])))
    tones = (tinted_tone(rng, scaled_tone(tone, 0.9)), scaled_tone(tone, 1.1))
    wall = coloured(field, tones, reach=rng.uniform(1.2, 3))
    return _floored(rng, wall, wall, rng.uniform(0.6, 0.75), step=0.88)


def _landscape(rng: np.random.Generator, size: Size) -> Image.Image:
    """Sky, one to three ridges in the haze, and a meadow, sand, snow or water."""
    horizon, ground = rng.uniform(0.35, 0.62), ground_tones(rng)
    # The distance is drawn at half the size: it should be soft, and it costs a quarter.
    half = (max(8, size[0] // 2), max(8, size[1] // 2))
    distance = _clouds(rng, half)
    haze = _sampled_tone(distance, (half[0] // 2, int(half[1] * horizon * 0.9)))
    rock, ridges = texture(rng, half, roughness=NATURAL), int(rng.integers(1, 4))
    for ridge in range(ridges):
        depth = (ridge + 1) / (ridges + 1)
        tones = tuple(mixed_tone(haze, scaled_tone(tone, 0.75), 0.25 + 0.6 * depth) for tone in ground)
        mask = _ridge_mask(rng, half, horizon - 0.16 * (1 - depth), 0.10 * (1.2 - depth))
        distance.paste(coloured(rock, tones), (0, 0), mask)
    image = distance.resize(size, Image.Resampling.BICUBIC)
    near = _ridge_mask(rng, half, horizon, 0.015).resize(size, Image.Resampling.BILINEAR)
    image.paste(_receding(rng, size, ground, horizon), (0, 0), near)
    return image


def _tabletop(rng: np.random.Generator, size: Size) -> Image.Image:
    """A wooden table before a wall that is out of focus."""
    dark = muted_tone(rng, rng.uniform(0.25, 0.6), chroma=0.06)
    table = wood(rng, size, horizontal=True)
    spots = smooth_field(rng, size, cells=(int(rng.integers(3, 9)), int(rng.integers(2, 6))), low=40, high=215)
    wall = coloured(spots, (dark, tinted_tone(rng, dark, spread=0.12), muted_tone(rng, 0.7)), reach=1.3)
    return _floored(rng, wall, table, rng.uniform(0.45, 0.65), step=1.0)


def _lights(rng: np.random.Generator, size: Size) -> Image.Image:
    """Lights out of focus in the dusk, or sun through leaves."""
    small = (max(16, size[0] // 4), max(16, size[1] // 4))
    dusk = muted_tone(rng, rng.uniform(0.12, 0.5))
    ramp = smooth_field(rng, small, cells=(3, 3), low=60, high=200)
    image = coloured(ramp, (scaled_tone(dusk, 0.7), scaled_tone(dusk, 1.5)))
    for _ in range(int(rng.integers(8, 26))):
        disc = Image.new("L", small, 0)
        x, y = rng.random(2) * small
        radius = min(small) * rng.uniform(0.03, 0.14)
        ImageDraw.Draw(disc).ellipse((x - radius, y - radius, x + radius, y + radius), fill=int(rng.integers(30, 120)))
        image.paste(muted_tone(rng, rng.uniform(0.6, 0.95), chroma=0.16), (0, 0), disc)
    image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.3, 1.5)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _sky(rng: np.random.Generator, size: Size) -> Image.Image:
    """Nothing but clouds."""
    return _clouds(rng, size)


def _clouds(rng: np.random.Generator, size: Size) -> Image.Image:
    field = texture(rng, size, roughness=CLOUDY, grain=(int(rng.integers(3, 7)), 2))
    zenith = tinted_tone(rng, ZENITHS[int(rng.integers(len(ZENITHS)))])
    veil = tinted_tone(rng, mixed_tone(zenith, (246, 242, 236), rng.uniform(0.4, 0.95)))
    lit = Image.blend(field, Image.linear_gradient("L").resize(size), rng.uniform(0.2, 0.6))
    return coloured(lit, (zenith, zenith, veil), reach=rng.uniform(0.7, 1.2))


def _receding(rng: np.random.Generator, size: Size, tones: tuple[Tone, ...], horizon: float) -> Image.Image:
    """Return ground whose grain is fine at the horizon (a share of the height) and coarse at the viewer's feet."""
    across = int(rng.integers(1, 5))
    far = texture(rng, size, roughness=NATURAL, grain=(2 * across, 1))
    near = texture(rng, size, roughness=GRITTY, grain=(across + 1, 2))
    nearness = np.clip((np.arange(size[1]) / size[1] - horizon) / (1 - horizon), 0, 1) * 255
    mask = Image.fromarray(nearness.astype(np.uint8)[:, None]).resize(size, Image.Resampling.NEAREST)
    return coloured(Image.composite(near, far, mask), tones)


def _floored(
    rng: np.random.Generator, wall: Image.Image, floor: Image.Image, horizon: float, *, step: float
) -> Image.Image:
    """Return `wall` above and `floor`, times `step` in brightness, below `horizon` (a share of the height)."""
    lower = floor.point([round(level * step) for level in range(256)] * 3) if step != 1.0 else floor
    softness = rng.uniform(0.01, 0.05)
    column = (np.arange(wall.height) / wall.height - horizon) / softness
    mask = Image.fromarray((255 / (1 + np.exp(-np.clip(column, -30, 30)))).astype(np.uint8)[:, None])
    return Image.composite(lower, wall, mask.resize(wall.size, Image.Resampling.NEAREST))


def _ridge_mask(rng: np.random.Generator, size: Size, horizon: float, relief: float) -> Image.Image:
    """Return a mask of mode L, 255 below a wavy line around `horizon`; both are shares of the height."""
    width, height = size
    x = np.linspace(0, 1, width // 2 + 2)
    waves = np.array([1, 2.3, 5, 11])
    swings = np.sin(x[:, None] * waves * rng.uniform(4, 7, 4) + rng.uniform(0, 6, 4)) / waves
    line = zip((x * width).tolist(), ((horizon + relief * swings.sum(1)) * height).tolist(), strict=True)
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon([*line, (width, height), (0, height)], fill=255)
    return mask


def _sampled_tone(image: Image.Image, point: Size) -> Tone:
    pixel = image.getpixel(point)
    assert isinstance(pixel, tuple)
    return int(pixel[0]), int(pixel[1]), int(pixel[2])
