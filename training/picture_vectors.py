"""The vectors of a few pictures that are in memory, as a search with a photo needs them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from training.image_encoders import ImageEncoder


def picture_vectors(encoder: ImageEncoder, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what `encoder` makes of `(n, size, size, 3)` uint8 RGB, `(n, dimensions)` float32.

    Raises:
        ValueError: the pictures have another size than the encoder takes, or a vector is not finite.
    """
    if pictures.shape[1:] != (encoder.size, encoder.size, 3):
        raise ValueError(f"the encoder takes pictures of {encoder.size} pixels, got {pictures.shape}")
    with torch.inference_mode():
        vectors = encoder(torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2)).float().cpu().numpy()
    if not np.isfinite(vectors).all():
        raise ValueError("the model gives numbers that are not finite for this picture: its weights are damaged")
    return vectors
