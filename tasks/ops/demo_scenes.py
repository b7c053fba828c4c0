"""Composes one picture of the demonstration set: a backdrop, a thing with its shadow, light and grain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from tasks.ops.demo_backgrounds import HANGING, LYING, STANDING, draw_backdrop
from tasks.ops.demo_textures import GRITTY, Size, smooth_field, texture
from tasks.ops.emoji_font import FONT_PIXELS

GLYPH_SIZE = (136, 128)
LONGEST_TILT = {STANDING: 12.0, LYING: 40.0, HANGING: 22.0}
"""Degrees."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A thing ready to be pasted: premultiplied and turned, mode RGBa, and its centre in the picture."""

    image: Image.Image
    x: float
    y: float

    @property
    def corner(self) -> Size:
        return round(self.x - self.image.width / 2), round(self.y - self.image.height / 2)


@lru_cache(maxsize=64)
def glyph(font: Path, codepoint: int) -> Image.Image:
    """Return the drawing of `codepoint`, cut to its outline, mode RGBa (premultiplied).

    Premultiplied, because turning or scaling plain RGBA mixes the black of empty pixels into the edges.
    """
    canvas = Image.new("RGBA", GLYPH_SIZE)
    ImageDraw.Draw(canvas).text((0, 0), chr(codepoint), font=_opened(font), embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        raise ValueError(f"{font} has no drawing for U+{codepoint:04X}; use Noto Color Emoji 2.042 or newer")
    return canvas.crop(box).convert("RGBa")


def scene(
    rng: np.random.Generator, size: Size, *, thing: Image.Image, distractors: tuple[Image.Image, ...]
) -> Image.Image:
    """Return an RGB picture of `size` (width, height) that shows `thing`, with `distractors` small and behind."""
    backdrop = draw_backdrop(rng, size)
    canvas = backdrop.image
    for other in distractors:
        _paste(canvas, _placed_distractor(rng, size, other))
    placed = _placed(rng, size, thing, backdrop.pose)
    _cast_shadow(rng, canvas, placed, backdrop.pose)
    _paste(canvas, placed)
    grain = min(0.35, 0.10 + float(rng.gamma(2.0, 0.06))) * min(1.0, 0.3 + min(size) / 500)
    return _exposed(rng, ImageChops.multiply(canvas, _light(rng, size, grain)), grain)


@lru_cache(maxsize=2)
def _opened(font: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.FreeTypeFont(str(font), FONT_PIXELS)


def _placed(rng: np.random.Generator, size: Size, thing: Image.Image, pose: str) -> Placed:
    share = float(np.clip(rng.normal(0.68, 0.13), 0.38, 0.95))
    turned = _turned(rng, thing, min(size) * share, LONGEST_TILT[pose])
    x, y = size[0] * rng.normal(0.5, 0.08), size[1] * rng.normal(0.5, 0.05)
    if pose == STANDING:
        y = size[1] * rng.uniform(0.82, 0.94) - turned.height / 2
    margin = np.array(turned.size) * 0.42
    x = float(np.clip(x, margin[0], max(margin[0], size[0] - margin[0])))
    y = float(np.clip(y, margin[1], max(margin[1], size[1] - margin[1])))
    return Placed(turned, x, y)


def _placed_distractor(rng: np.random.Generator, size: Size, other: Image.Image) -> Placed:
    """Small, and soft because it is scaled up from few pixels, as things in the distance are."""
    side = min(size) * rng.uniform(0.12, 0.24)
    soft = other.resize((max(1, round(side / 3)), max(1, round(side / 3 * other.height / other.width))))
    x = size[0] * float(rng.choice([rng.uniform(0.06, 0.22), rng.uniform(0.78, 0.94)]))
    return Placed(_turned(rng, soft, side, 10.0), x, size[1] * rng.uniform(0.35, 0.8))


def _turned(rng: np.random.Generator, thing: Image.Image, side: float, tilt: float) -> Image.Image:
    """Return `thing` mirrored or not, turned by up to `tilt` degrees, its longer edge about `side` pixels."""
    if rng.random() < 0.5:
        thing = thing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    squeeze = rng.uniform(0.92, 1.08)
    scale = side / max(thing.size)
    wide = (max(2, round(thing.width * scale * squeeze)), max(2, round(thing.height * scale / squeeze)))
    # Turning costs by the pixel and has no SIMD: turn at twice the drawing's size at most, then scale.
    middle = (min(wide[0], 2 * thing.width), min(wide[1], 2 * thing.height))
    turned = _rotated(thing.resize(middle, Image.Resampling.BICUBIC), rng.uniform(-tilt, tilt))
    grown = (round(turned.width * wide[0] / middle[0]), round(turned.height * wide[1] / middle[1]))
    return turned if grown == turned.size else turned.resize(grown, Image.Resampling.BICUBIC)


def _rotated(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BILINEAR, expand=True)


def _paste(canvas: Image.Image, placed: Placed) -> None:
    plain = placed.image.convert("RGBA")
    canvas.paste(plain, placed.corner, plain)


def _cast_shadow(rng: np.random.Generator, canvas: Image.Image, placed: Placed, pose: str) -> None:
    """Darken `canvas` where the thing keeps the light away; drawn coarsely and scaled up, so that it is soft."""
    if pose == HANGING:
        return
    width, height = placed.image.size
    cell = max(1, min(canvas.size) // 45)
    shape = placed.image.getchannel("a").resize((max(2, width // cell), max(2, height // cell)), Image.Resampling.BOX)
    left, top = placed.corner
    if pose == STANDING:
        flat = max(2, round(shape.height * rng.uniform(0.12, 0.25)))
        shape = shape.resize((shape.width, flat), Image.Resampling.BOX)
        left, top = left + round(width * rng.uniform(-0.15, 0.15)), top + height - round(flat * cell * 0.75)
    else:
        left, top = left + round(width * rng.uniform(-0.06, 0.06)), top + round(height * rng.uniform(0.02, 0.08))
    depth = rng.uniform(0.4, 0.8)
    padded = ImageOps.expand(shape.point([round(level * depth) for level in range(256)]), 3)
    soft = padded.filter(ImageFilter.BoxBlur(1)).resize((padded.width * cell, padded.height * cell))
    canvas.paste((14, 14, 20), (left - 3 * cell, top - 3 * cell), soft)


def _light(rng: np.random.Generator, size: Size, grain: float) -> Image.Image:
    """Return RGB light, brighter from one side, with the share `grain` of it a camera's noise."""
    field = smooth_field(rng, size, cells=(3, 3), low=int(rng.integers(175, 240)), high=255)
    noisy = Image.blend(field, texture(rng, size, roughness=GRITTY), grain)
    return Image.merge("RGB", (noisy, noisy, noisy))


def _exposed(rng: np.random.Generator, image: Image.Image, grain: float) -> Image.Image:
    """Return `image` with a camera's choice of exposure, contrast and white balance."""
    gain = rng.uniform(1.05, 1.3) / (1 - grain / 2)  # the noise in the light took half its share away
    levels = (np.arange(256) / 255) ** rng.uniform(0.8, 1.1)
    curves = [np.clip(gain * balance * levels, 0, 1) * 255 for balance in rng.uniform(0.95, 1.05, 3)]
    return image.point(np.concatenate(curves).round().astype(int).tolist())
