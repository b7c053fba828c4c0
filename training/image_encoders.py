"""What turns stored pictures into vectors, whichever recipe it comes from: the seam between models and features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from training.batches import unit_range


class ImageEncoder(Protocol):
    """A finished model that maps pictures to vectors, in evaluation mode, on the device that it was made for.

    `size` is the side in pixels of the rows that it takes, and `dimensions` the length of its vectors.
    """

    @property
    def size(self) -> int: ...

    @property
    def dimensions(self) -> int: ...

    def __call__(self, images: Tensor) -> Tensor:
        """Map `(n, 3, size, size)` uint8 to `(n, dimensions)` float32, on the device of the model."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkEncoder:
    """An encoder of a network that maps `(n, 3, size, size)` in [0, 1] to `(n, dimensions)`; it has it to itself."""

    network: nn.Module
    size: int
    dimensions: int
    device: torch.device

    def __post_init__(self) -> None:
        self.network.to(self.device).eval()

    def __call__(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            return self.network(unit_range(images.to(self.device, non_blocking=True))).float()
