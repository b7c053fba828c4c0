"""What `imagemill upscale` does: the one module of flows that reaches training, and so torch, for super-resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from storage.durable import partial_name
from storage.models import open_model
from storage.tiers import Tiers
from training.configuration import resolved
from training.devices import device_named
from training.recipes import recipe_named
from training.superres import load_enlarger
from training.upscaling import side_by_side, upscaled

RECIPE = "superres"
WRITTEN = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass(frozen=True, slots=True)
class Upscaled:
    """What was written: the picture, its size `(width, height)` before and after, and the version that made it."""

    output: Path
    before: tuple[int, int]
    after: tuple[int, int]
    model: str
    version: int


def upscale_file(
    tiers: Tiers,
    photo: Path,
    output: Path,
    *,
    model: str,
    beside: Path | None,
    device: str,
    on_tile: Callable[[int, int], None],
) -> Upscaled:
    """Enlarge a picture by a registered model, and write it; `beside` gets bicubic left and the result right.

    Raises:
        ValueError: a file is no picture, or is to be written in a format that is not known.
        UnknownDataset: there is no such model, or none of it is promoted.
    """
    for path in filter(None, (output, beside)):
        if path.suffix.lower() not in WRITTEN:
            raise ValueError(f"{path} cannot be written: choose a name that ends in {', '.join(WRITTEN)}")
    image = _opened(photo)
    with open_model(tiers, model) as opened:
        if opened.lineage.recipe != RECIPE:
            raise ValueError(f"{model} was trained by {opened.lineage.recipe}; upscale needs a model of {RECIPE}")
        config = resolved(recipe_named(RECIPE), file=opened.config).recipe
        target = device_named(device, local_rank=0)
        network = load_enlarger(config, opened.weights, device=target)
        result = upscaled(image, network, device=target, on_tile=on_tile)
        number = opened.version.number
    _write(result, output)
    if beside is not None:
        _write(side_by_side(image, result), beside)
    return Upscaled(output, image.size, result.size, model, number)


def _opened(photo: Path) -> Image.Image:
    try:
        with Image.open(photo) as image:
            return image.copy()
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(f"{photo} is not a picture that can be read: {error}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        # What Pillow raises without a number is about the bytes, not about the disk.
        raise ValueError(f"{photo} is damaged: {error}") from error


def _write(picture: Image.Image, output: Path) -> None:
    """Write a picture that appears whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    is_jpeg = output.suffix.lower() in (".jpg", ".jpeg")
    partial = partial_name(output)
    try:
        # JPEG knows no alpha.
        shown = picture.convert("RGB") if is_jpeg and picture.mode not in ("L", "RGB") else picture
        options = {"quality": 95} if is_jpeg else {}
        profile = picture.info.get("icc_profile")
        shown.save(partial, Image.registered_extensions()[output.suffix.lower()], icc_profile=profile, **options)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
