"""Pictures of classes that a tiny network can tell apart, and a root on which they are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.faults.bare_prepare import BareJob, prepare

CLASSES = ("n00000020", "n00000030", "n00000040", "n00000050")
"""Stripes across or along, bright red or bright blue."""


def striped(label: int, *, seed: int, side: int = 32) -> NDArray[np.uint8]:
    """Return a picture of a class, `(side, side, 3)` uint8: stripes somewhere, and noise."""
    random = np.random.default_rng([label, seed])
    wave = np.sin(np.arange(side) * 0.8 + random.uniform(0, 6)) * 50
    stripes = np.broadcast_to(wave if label % 2 else wave[:, None], (side, side))
    picture = np.full((side, side, 3), 90.0) + stripes[:, :, None] + random.normal(0, 12, (side, side, 3))
    picture[:, :, 0 if label < 2 else 2] += 70
    return picture.clip(0, 255).astype(np.uint8)


def published_stripes(root: Path, *, each: int = 30, rows_per_shard: int = 32) -> Path:
    """Publish so many pictures of each class as `stripes` at 32 and 16 pixels; return the root on which they are.

    Called again with more of them, it publishes the next version.
    """
    for label, name in enumerate(CLASSES):
        (root / "source" / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            Image.fromarray(striped(label, seed=number)).save(root / "source" / name / f"{number}.png")
    slow = str(root / "slow")
    prepare(BareJob(str(root / "source"), slow, dataset="stripes", sides=(32, 16), rows_per_shard=rows_per_shard))
    return root / "slow"
