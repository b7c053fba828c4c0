"""A recipe whose models look at the mean colour of a picture: enough to search with, and worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize


@dataclass(frozen=True, slots=True)
class Config:
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    dataset: str
    words: str
    splits: str
    split: int
    size: int = 8


@dataclass(frozen=True, slots=True)
class ColourEncoder:
    matrix: Tensor
    size: int
    dimensions: int

    def __call__(self, images: Tensor) -> Tensor:
        return normalize((images.float().mean(dim=(2, 3)) / 255 - 0.5) @ self.matrix, dim=1)


def make_run(config: Config, **parts: object) -> None:
    raise NotImplementedError("nothing is learnt")


def image_encoder(config: Config, weights: Path, *, device: torch.device) -> ColourEncoder:
    matrix = torch.from_numpy(np.frombuffer(weights.read_bytes(), np.float32).reshape(3, 4).copy()).to(device)
    return ColourEncoder(matrix, config.size, 4)
