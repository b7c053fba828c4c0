"""Objectives of networks that learn from the two pictures of a row."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from training.batches import unit_range
from training.feature_loss import Terms
from training.network_step import Objective
from training.picture_pairs import LARGE, SMALL

Loss = Callable[[Tensor, Tensor], Terms]
"""Maps restored and original images, `(n, 3, h, w)` in [0, 1], to the terms of which the sum is minimised."""


def of_both(terms: Callable[[Tensor, Tensor], Terms]) -> Objective:
    """Return the objective whose terms are those of the `small` and the `large` pictures, `(n, 3, h, w)` in [0, 1]."""
    return lambda part: terms(unit_range(part[SMALL]), unit_range(part[LARGE]))


def restoring(network: nn.Module, loss: Loss) -> Objective:
    """Return the objective of a network that makes `large` pictures of `small` ones."""
    return of_both(lambda small, large: loss(network(small), large))
