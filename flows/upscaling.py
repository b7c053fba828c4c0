"""What `imagemill upscale` and `restore` do: the one module of flows that reaches training, and so torch, for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from PIL import Image, UnidentifiedImageError

from storage.durable import partial_name
from storage.tiers import Tiers
from training.devices import device_named
from training.restorers import RESTORING
from training.starting_models import starting_model
from training.upscaling import Grey, side_by_side, upscaled

WRITTEN = (".png", ".jpg", ".jpeg", ".webp", ".bmp")

COLOURING = ("grey", "colour-cast")
"""Who learnt to mend one of these defects gives a grey picture colours."""

RECIPES = MappingProxyType({"upscale": ("superres",), "restore": RESTORING})
"""By the command, the recipes whose models can do it."""


@dataclass(frozen=True, slots=True)
class Improved:
    """What was written: the picture, its size `(width, height)` before and after, and the version that made it.

    `mends` are the defects that it learnt to mend, where it tells.
    """

    output: Path
    before: tuple[int, int]
    after: tuple[int, int]
    model: str
    version: int
    mends: tuple[str, ...] = ()


def improve_file(
    tiers: Tiers,
    photo: Path,
    output: Path,
    *,
    recipes: Sequence[str],
    model: str,
    beside: Path | None,
    device: str,
    on_tile: Callable[[int, int], None],
) -> Improved:
    """Enlarge or restore a picture by a registered model, and write it; `beside` gets before left and after right.

    Raises:
        ValueError: a file is no picture, or is to be written in a format that is not known; or the model is of none of
            the recipes.
        UnknownDataset: there is no such model, or none of it is promoted.
    """
    for path in filter(None, (output, beside)):
        if path.suffix.lower() not in WRITTEN:
            raise ValueError(f"{path} cannot be written: choose a name that ends in {', '.join(WRITTEN)}")
    image = _opened(photo)
    loaded = loaded_network(tiers, model, recipes=recipes, device=device)
    result = loaded.improved(image, on_tile=on_tile)
    _write(result, output)
    if beside is not None:
        _write(side_by_side(image, result), beside)
    return Improved(output, image.size, result.size, model, loaded.version, loaded.mends)


@dataclass(frozen=True, slots=True)
class LoadedNetwork:
    """A registered network in memory: `improved` enlarges or restores a picture; `mends` as in `Improved`.

    Grey pictures get colours if it learnt to give them.
    """

    improved: Callable[..., Image.Image]
    version: int
    mends: tuple[str, ...]


def loaded_network(tiers: Tiers, model: str, *, recipes: Sequence[str], device: str) -> LoadedNetwork:
    """Return the network of a registered model; raise as `improve_file` does."""
    with ExitStack() as resources:
        opened = starting_model(tiers, model, recipes=recipes, resources=resources)
        target = device_named(device, local_rank=0)
        network = opened.recipe.module.load_enlarger(opened.config, opened.weights, device=target)
        mends = tuple(getattr(opened.config, "defects", None) or ())
        grey: Grey = "coloured" if set(mends) & set(COLOURING) else "kept"
        return LoadedNetwork(partial(upscaled, network=network, device=target, grey=grey), opened.number, mends)


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
