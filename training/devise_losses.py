"""How far pictures in word space are from the vectors of their classes, as losses. Pure: tensors in, a number out.

All take `embedded`, `(n, d)` of length 1, `vectors` of the seen classes, `(k, d)` of length 1, and `targets`, `(n,)`
int64 of the place of each row's class among them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

LossName = Literal["softmax", "cosine", "hinge"]
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def cosine_loss(embedded: Tensor, vectors: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of 1 less the cosine between rows and the vectors of their classes, in [0, 2]."""
    return (1 - (embedded * vectors[targets]).sum(1)).mean()


def hinge_rank_loss(embedded: Tensor, vectors: Tensor, targets: Tensor, *, margin: float = 0.1) -> Tensor:
    """Return the mean over rows of Σ max(0, margin + cosine with each other class - cosine with its own).

    Equation 1 of Frome et al. (2013), whose margin is 0.1. There the picture's vector keeps its length; here it is 1,
    so that the margin is one of cosines whatever the head.
    """
    cosines = embedded @ vectors.T  # (n, k)
    own = cosines.gather(1, targets[:, None])
    too_near = (margin - own + cosines).clamp(min=0).scatter(1, targets[:, None], 0.0)
    return too_near.sum(1).mean()


def cosine_softmax_loss(embedded: Tensor, vectors: Tensor, targets: Tensor, *, scale: float = 16.0) -> Tensor:
    """Return the cross entropy of the classes, whose logits are `scale` times the cosines with their vectors."""
    return functional.cross_entropy(scale * (embedded @ vectors.T), targets)


def loss_named(name: LossName, *, margin: float, scale: float) -> Loss:
    """Return the loss of that name."""
    losses: dict[LossName, Loss] = {
        "cosine": cosine_loss,
        "hinge": lambda *given: hinge_rank_loss(*given, margin=margin),
        "softmax": lambda *given: cosine_softmax_loss(*given, scale=scale),
    }
    return losses[name]


def top_1(scores: Tensor, targets: Tensor) -> Tensor:
    """Return which share of rows has its class's score highest."""
    return (scores.argmax(1) == targets).float().mean()


def unit(vectors: Tensor) -> Tensor:
    """Return rows scaled to length 1, in float32 whatever comes in."""
    return functional.normalize(vectors.to(torch.float32), dim=1)
