"""What makes a bad image of a good one: an ordered list of defects. Pure: array and seed in, array out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.catalogue import CRAPPIFIERS
from tasks.ops.crappifiers.shrink import STAYS, Shrink, check_side, side_after
from tasks.ops.pair_streams import stream, stream_keys

SAME = "same"
"""The value of `bad_side` that keeps the good image's."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Step:
    """One defect of a recipe: its name in the catalogue, how strong it is, and how often, `probability` in [0, 1]."""

    defect: str
    parameters: Any
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.defect not in CRAPPIFIERS:
            raise ValueError(f"defect must be one of {', '.join(CRAPPIFIERS)}, got {self.defect!r}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be within 0 to 1, got {self.probability}")
        if type(self.parameters) is not CRAPPIFIERS[self.defect].parameters:
            wanted = CRAPPIFIERS[self.defect].parameters.__name__
            raise TypeError(f"parameters of {self.defect} must be {wanted}, got {type(self.parameters).__name__}")
        if _leaves_small(self) and self.probability < 1:
            raise ValueError(
                "a shrink that leaves the image small must have probability 1, or the images of one array would "
                f"differ in size: set enlarge to scale them back, or leave out probability = {self.probability}"
            )


@dataclass(frozen=True, slots=True)
class PairRecipe:
    """The defects in their order, the size of the bad image, and a seed.

    `bad_side` is "same" as the good image's, a number of pixels, or a part of the good image's, such as "1/4".
    The name identifies it to people alone: it changes no pixel.
    """

    name: str
    defects: tuple[Step, ...]
    bad_side: int | str = SAME
    seed: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name must be made of small letters, digits and hyphens, got {self.name!r}")
        if not self.defects:
            raise ValueError(f"recipe {self.name} has no defects: list at least one of {', '.join(CRAPPIFIERS)}")
        if self.bad_side != SAME:
            check_side('bad_side, if not "same",', self.bad_side)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be within 0 to 2^63 - 1, got {self.seed}")


def crappified(image: NDArray[np.uint8], *, seed: int, recipe: PairRecipe) -> NDArray[np.uint8]:
    """Return the bad image of a good one: `(side, side, 3)` uint8 RGB → `(bad_side, bad_side, 3)`, an array of its own.

    `seed` is the row's, from `pair_streams.pair_seeds`. The result depends on nothing else.

    Raises:
        ValueError: the image is no such square, or of a size that the recipe does not fit; `bad_side` tells beforehand.
    """
    if image.ndim != 3 or image.shape != (len(image), len(image), 3) or image.dtype != np.uint8:
        raise ValueError(f"image must be (side, side, 3) uint8, got {image.shape} {image.dtype}")
    expected = bad_side(recipe, len(image))
    bad = image
    for step, key in zip(recipe.defects, stream_keys(tuple(step.defect for step in recipe.defects)), strict=True):
        rng = stream(seed, key)
        # Drawn even where it is certain: another probability must not change what the defect draws.
        if rng.random() < step.probability:
            bad = CRAPPIFIERS[step.defect].inflict(bad, rng, step.parameters)
    if bad.shape != (expected, expected, 3):
        raise ValueError(f"recipe {recipe.name} gave {bad.shape} where {(expected, expected, 3)} was expected")
    return bad.copy() if bad is image else bad


def bad_side(recipe: PairRecipe, good_side: int) -> int:
    """Return the side in pixels of the bad images that `recipe` makes of good ones.

    Raises:
        ValueError: the recipe does not fit good images of this size; the message says what would.
    """
    side = good_side
    for step in recipe.defects:
        if isinstance(step.parameters, Shrink):
            smaller = _exact_side(recipe, step.parameters.side, side)
            side = smaller if _leaves_small(step) else side
    stated = good_side if recipe.bad_side == SAME else _exact_side(recipe, recipe.bad_side, good_side)
    if stated != side:
        raise ValueError(
            f"recipe {recipe.name} leaves {side} px of good images of {good_side} px, but its bad_side "
            f"{recipe.bad_side!r} says {stated} px: let both agree, with the side or the enlarge of its shrink"
        )
    return stated


def _leaves_small(step: Step) -> bool:
    return isinstance(step.parameters, Shrink) and step.parameters.enlarge == STAYS


def _exact_side(recipe: PairRecipe, side: int | str, whole: int) -> int:
    """Return `side` in pixels, where a part of `whole` has to be whole pixels, and nothing may grow."""
    if isinstance(side, str) and whole % int(side.removeprefix("1/")):
        raise ValueError(
            f"recipe {recipe.name} takes {side} of {whole} px, which is not a whole number of pixels: "
            f"let the side of good images be a multiple of {side.removeprefix('1/')}"
        )
    smaller = side_after(side, whole)
    if smaller > whole:
        raise ValueError(
            f"recipe {recipe.name} wants bad images of {smaller} px where there are only {whole} px: "
            f"take good images of at least {smaller} px, or a smaller side"
        )
    return smaller
