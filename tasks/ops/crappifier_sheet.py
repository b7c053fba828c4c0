"""One picture of every defect and every shipped recipe, for docs/pairs.md and for whoever writes a recipe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.ops.contact_sheet import contact_sheet
from tasks.ops.crappifiers.catalogue import CRAPPIFIERS
from tasks.ops.pair_recipe import PairRecipe, Step, crappified
from tasks.ops.pair_recipe_files import shipped_recipes

COLUMNS = 5
SHRUNK_TO = "1/4"


def crappifier_sheet(good: NDArray[np.uint8], *, seed: int) -> Image.Image:
    """Lay out the good image, `(side, side, 3)` uint8, each defect at its defaults, and each shipped recipe.

    The side must fit all shipped recipes: a multiple of 4, at least 96. Smaller bad images are enlarged so that each
    of their pixels is a square.
    """
    side = len(good)
    tiles = {"the good image": good}
    tiles |= {name: crappified(good, seed=seed, recipe=_alone(name)) for name in CRAPPIFIERS}
    tiles |= {f"recipe {name}": crappified(good, seed=seed, recipe=each) for name, each in shipped_recipes().items()}
    images = np.stack([_enlarged(tile, side) for tile in tiles.values()])
    return contact_sheet(images, list(tiles), columns=COLUMNS, thumbnail=side)


def _alone(defect: str) -> PairRecipe:
    """Return a recipe of one defect at its defaults; a shrink has none for its side."""
    parameters = CRAPPIFIERS[defect].parameters
    if defect == "shrink":
        return PairRecipe(defect, (Step(defect, parameters(SHRUNK_TO)),), bad_side=SHRUNK_TO)
    return PairRecipe(defect, (Step(defect, parameters()),))


def _enlarged(tile: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(tile).resize((side, side), Image.Resampling.NEAREST))
