"""A picture of any size and kind, enlarged or restored by a trained network, tile by tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from tasks.ops.colour_policy import converted_to_rgb, orientation_in, upright
from training.pixel_ranges import as_unit
from training.tiles import Tiling, enlarged_bands

# 16 pixels from every inner edge are unused, and Johnson's network with four blocks looks 15 far; a U-Net looks
# as far as its tile, and fades.
TILING = Tiling(side=192, overlap=40, feather=8)

_ALPHA_MODES = ("LA", "PA", "RGBA")
_GREY_MODES = ("1", "L", "LA", "I;16")


Grey = Literal["kept", "coloured"]
"""What becomes of a grey picture: it stays so, or gets the colours that the network gives it."""


class Enlarger(Protocol):
    """A network that maps `(n, 3, h, w)` in [0, 1] to `(n, 3, scale·h, scale·w)`; one that restores has scale 1."""

    scale: int

    def __call__(self, small: Tensor) -> Tensor: ...


def upscaled(
    image: Image.Image,
    network: Enlarger,
    *,
    device: torch.device | str = "cpu",
    tiling: Tiling = TILING,
    grey: Grey = "kept",
    on_tile: Callable[[int, int], None] = lambda done, total: None,
) -> Image.Image:
    """Return `image` upright and `network.scale` times as large, in mode L, LA, RGB or RGBA.

    `network` is on `device` and in evaluation mode. Grey stays grey unless it is to be coloured; a palette and CMYK
    become RGB by the colour policy; 16-bit grey becomes 8-bit. Alpha is enlarged beside the colours, by Lanczos, and
    put back. A colour profile of RGB goes with the result, one of grey with a grey one. `on_tile` hears how many tiles
    are done, and of how many.

    Raises:
        ValueError: for a mode that the colour policy does not name.
    """
    source = upright(image, orientation_in(image.info.get("exif", b"")))
    colours, alpha = _parted(source)
    enlarged = _enlarged(np.asarray(colours), network, device=device, tiling=tiling, on_tile=on_tile)
    result = Image.fromarray(enlarged)
    if image.mode in _GREY_MODES and grey == "kept":
        result = result.convert("L")
    if alpha is not None:
        result.putalpha(alpha.resize(result.size, Image.Resampling.LANCZOS))
    return _with_profile_of(image, result)


def side_by_side(image: Image.Image, result: Image.Image) -> Image.Image:
    """Return one RGB picture: left `image` enlarged by Pillow's bicubic kernel, right what `upscaled` made of it."""
    before = upright(image, orientation_in(image.info.get("exif", b"")))
    left = converted_to_rgb(before).resize(result.size, Image.Resampling.BICUBIC)
    both = Image.new("RGB", (2 * result.width, result.height))
    both.paste(left, (0, 0))
    both.paste(converted_to_rgb(result), (result.width, 0))
    return both


def _enlarged(
    pixels: NDArray[np.uint8],
    network: Enlarger,
    *,
    device: torch.device | str,
    tiling: Tiling,
    on_tile: Callable[[int, int], None],
) -> NDArray[np.uint8]:
    """Enlarge `(h, w, 3)` uint8 RGB, tile by tile."""

    def enlarge(tile: NDArray[np.uint8]) -> NDArray[np.float32]:
        small = as_unit(tile[None].copy()).to(device)
        return network(small)[0].movedim(0, 2).float().cpu().numpy()

    if isinstance(network, nn.Module) and network.training:
        raise ValueError("the network is in training mode, in which each tile shifts its statistics; call .eval()")
    height, width, _ = pixels.shape
    out = np.empty((height * network.scale, width * network.scale, 3), np.uint8)
    top = 0
    with torch.inference_mode():
        for band in enlarged_bands(pixels, enlarge, scale=network.scale, tiling=tiling, on_tile=on_tile):
            out[top : top + len(band)] = (band * 255).round().clip(0, 255)
            top += len(band)
    return out


def _with_profile_of(image: Image.Image, result: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    # A profile of inks says nothing of RGB, nor does one of grey.
    is_coloured = image.mode in _GREY_MODES and result.mode not in ("L", "LA")
    if profile and image.mode != "CMYK" and not is_coloured:
        result.info["icc_profile"] = profile
    return result


def _parted(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours of an image in mode RGB, and its alpha in mode L if it has one."""
    has_alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
    if not has_alpha or image.mode == "I;16":
        return converted_to_rgb(image), None
    straight = image.convert("RGBA")
    return _without_hidden_colours(straight), straight.getchannel("A")


def _without_hidden_colours(image: Image.Image) -> Image.Image:
    """Return the colours of an RGBA image; where nothing is to be seen, those of what is seen nearby.

    Files hold anything there, black as a rule, and enlarging would draw it into the edges.
    """
    premultiplied, levels = image.convert("RGBa"), [image]
    while max(premultiplied.size) > 1:
        half = (-(-premultiplied.width // 2), -(-premultiplied.height // 2))
        premultiplied = premultiplied.resize(half, Image.Resampling.BOX)
        levels.append(premultiplied.convert("RGBA"))
    filled = Image.new("RGB", levels[-1].size)
    for level in reversed(levels):
        filled = filled.resize(level.size, Image.Resampling.BILINEAR)
        filled.paste(level.convert("RGB"), mask=level.getchannel("A").point(lambda alpha: 255 if alpha else 0))
    return filled
