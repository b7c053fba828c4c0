"""Random changes of colour on the way into a batch: brightness, contrast, and the balance of the channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.augmentation import is_images
from training.draws import Draws

_CHANNELS = ("red", "green", "blue")


@dataclass(frozen=True, slots=True)
class ColourJitter:
    """Changes all pictures of a row alike: each level v of a channel becomes gain · (v - 128) + 128 + shift.

    The gain lies in 1 ± `strength` for a row, times 1 ± `strength` / 2 for each of its channels; the shift is within
    128 · `strength`. What leaves 0 to 255 is cut off. A strength of 0 leaves rows as they are.
    """

    strength: float

    def __post_init__(self) -> None:
        if not 0 <= self.strength < 1:
            raise ValueError(f"the strength of colour jitter lies in [0, 1), got {self.strength}")

    def __call__(self, arrays: Mapping[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        if not self.strength:
            return dict(arrays)
        tables = torch.from_numpy(_tables(self.strength, draws))
        return {name: _looked_up(array, tables) if is_images(array) else array for name, array in arrays.items()}


def _tables(strength: float, draws: Draws) -> np.ndarray:
    """Return what each level of each channel of each row becomes, `(n, 3, 256)` uint8."""

    def around(what: str, spread: float) -> np.ndarray:
        return (2 * draws.uniform(what) - 1) * spread

    shares = np.stack([1 + around(channel, strength / 2) for channel in _CHANNELS], axis=1)
    gains = (1 + around("contrast", strength))[:, None] * shares
    shifts = around("bright", strength) * 128
    levels = gains[:, :, None] * (np.arange(256) - 128.0) + 128 + shifts[:, None, None]
    return levels.round().clip(0, 255).astype(np.uint8)


def _looked_up(images: Tensor, tables: Tensor) -> Tensor:
    """Return `(n, h, w, 3)` uint8 with each level replaced by what the table of its row and channel says."""
    count, height, width, channels = images.shape
    places = torch.arange(count * channels, dtype=torch.int32).view(count, 1, 1, channels) * 256
    found = tables.view(-1)[(images.to(torch.int32) + places).view(-1)]
    return found.view(count, height, width, channels)
