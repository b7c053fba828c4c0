"""The generators of random numbers that libraries share: seeded once, and kept in checkpoints.

As lists and tensors, since checkpoints are read with `weights_only=True`. What reads and augments rows uses none of
them: it draws from the seed, the epoch and the row.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def seed_all(seed: int, *, rank: int = 0) -> None:
    """Seed Python's, numpy's and torch's generators, each process with numbers of its own."""
    own = [int(word) for word in np.random.SeedSequence([seed, rank]).generate_state(3, np.uint32)]
    random.seed(own[0])
    np.random.seed(own[1])
    torch.manual_seed(own[2])


def captured_randomness() -> dict[str, Any]:
    """Return the state of every generator."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        # Of the device of this process: asking all of them would take memory on each.
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
    }


def restore_randomness(state: Mapping[str, Any]) -> None:
    """Put every generator into the state that `captured_randomness` returned."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
