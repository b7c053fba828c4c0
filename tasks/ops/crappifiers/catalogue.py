"""Every defect by the name that recipes call it. A new one is added here, and to docs/pairs.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.ops.crappifiers.blur import Blur, blurred
from tasks.ops.crappifiers.colour_cast import ColourCast, tinted
from tasks.ops.crappifiers.cutout import Cutout, cut_out
from tasks.ops.crappifiers.folds import Folds, folded
from tasks.ops.crappifiers.gaussian_noise import GaussianNoise, noisy
from tasks.ops.crappifiers.grey import Grey, greyed
from tasks.ops.crappifiers.jpeg import Jpeg, recompressed
from tasks.ops.crappifiers.number import Number, numbered
from tasks.ops.crappifiers.numbered_jpeg import NumberedJpeg, numbered_and_recompressed
from tasks.ops.crappifiers.scratches import Scratches, scratched
from tasks.ops.crappifiers.shot_noise import ShotNoise, dimly_lit
from tasks.ops.crappifiers.shrink import Shrink, shrunk

REVISION = 1
"""Raised whenever any defect gives other bytes than before for the same draws and parameters."""


@dataclass(frozen=True, slots=True)
class Crappifier:
    """One defect: the frozen dataclass of its parameters, and the function that inflicts it."""

    parameters: type
    inflict: Callable[[NDArray[np.uint8], np.random.Generator, Any], NDArray[np.uint8]]


CRAPPIFIERS: Mapping[str, Crappifier] = MappingProxyType(
    {
        "shrink": Crappifier(Shrink, shrunk),
        "jpeg": Crappifier(Jpeg, recompressed),
        "number": Crappifier(Number, numbered),
        "numbered-jpeg": Crappifier(NumberedJpeg, numbered_and_recompressed),
        "grey": Crappifier(Grey, greyed),
        "gaussian-noise": Crappifier(GaussianNoise, noisy),
        "shot-noise": Crappifier(ShotNoise, dimly_lit),
        "blur": Crappifier(Blur, blurred),
        "cutout": Crappifier(Cutout, cut_out),
        "scratches": Crappifier(Scratches, scratched),
        "folds": Crappifier(Folds, folded),
        "colour-cast": Crappifier(ColourCast, tinted),
    }
)
