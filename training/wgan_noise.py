"""The random numbers of a WGAN: a pure function of seed, process, step and purpose, so that any step can be repeated.

Drawn on the CPU, where they are the same on every machine, and then moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.distributed import World

# What random numbers are for: each purpose has its own at the same step.
_CRITIC, _GENERATOR, _SHARES, _FIXED = range(4)


@dataclass(frozen=True, slots=True)
class Noise:
    """Vectors of `length` standard normal numbers for this process of `world`."""

    length: int
    seed: int
    world: World

    def for_critic(self, step: int, rows: int) -> Tensor:
        """Return the noise `(rows, length)` of the images that the critic sees at a step."""
        return self._normal(self._generator(_CRITIC, step), rows)

    def for_generator(self, step: int, rows: int) -> Tensor:
        """Return the noise `(rows, length)` that the generator learns from at a step."""
        return self._normal(self._generator(_GENERATOR, step), rows)

    def shares(self, step: int, rows: int) -> Tensor:
        """Return numbers in [0, 1), `(rows,)`: where between a real and a made image the critic's slope is taken."""
        return torch.rand(rows, generator=self._generator(_SHARES, step)).to(self.world.device)

    def _generator(self, purpose: int, step: int) -> torch.Generator:
        return _generator(self.seed, self.world.rank, purpose, step)

    def _normal(self, generator: torch.Generator, rows: int) -> Tensor:
        return torch.randn(rows, self.length, generator=generator).to(self.world.device)


def fixed_noise(rows: int, length: int) -> Tensor:
    """Return the noise `(rows, length)` that is the same in every run, process and validation, on the CPU."""
    return torch.randn(rows, length, generator=_generator(_FIXED))


def _generator(*words: int) -> torch.Generator:
    seed = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(seed)
