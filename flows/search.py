"""What `imagemill search --image` does with a model: beside `upscaling`, the module of flows that reaches training.

Searching by words needs no model in memory, and so no torch: `tasks.ops.image_search` does without.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storage.models import open_model
from storage.tiers import Tiers
from tasks.ops.word_queries import unit_vectors
from training.configuration import resolved
from training.devices import device_named
from training.picture_vectors import picture_vectors
from training.recipes import recipe_named


def vector_of_picture(
    tiers: Tiers, reference: str, picture: NDArray[np.uint8], *, device: str = "auto"
) -> NDArray[np.float32]:
    """Return where the model `reference` puts a picture in word space, `(d,)` float32 of length 1.

    `picture` is `(size, size, 3)` uint8 RGB, a square of the size that the model's index was made of.

    Raises:
        UnknownDataset: there is no such model or version, or none was promoted.
        ValueError: there is no such device, or the model maps pictures nowhere.
    """
    with open_model(tiers, reference) as opened:
        recipe = recipe_named(opened.lineage.recipe)
        config = resolved(recipe, file=opened.config).recipe
        encoder = recipe.image_encoder(config, opened.weights, device=device_named(device, local_rank=0))
        return unit_vectors(picture_vectors(encoder, picture[None]))[0]
