"""The losses of the restoration GAN, as named terms whose sum is minimised. All images are `(n, 3, h, w)` in [0, 1].

What they come to says little: each is measured by an opponent that changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.feature_loss import Terms
from training.pixel_ranges import imagenet_normalised

REAL, GENERATED = 1.0, 0.0


def verdict_loss(verdicts: Tensor, truth: float) -> Tensor:
    """Return how wrong a critic is on pictures that are all real (1) or all generated (0).

    The mean of the cross-entropy over all places of `verdicts` `(n, places)`: fastai's `AdaptiveLoss`, which lets
    the number of places grow with the pictures.
    """
    return F.binary_cross_entropy_with_logits(verdicts.float(), torch.full_like(verdicts, truth, dtype=torch.float32))


def critic_terms(critic: nn.Module, generated: Tensor, real: Tensor) -> Terms:
    """Return the critic's loss on pictures of both kinds, in halves."""
    return {
        "critic_on_real": verdict_loss(critic(real), REAL) / 2,
        "critic_on_generated": verdict_loss(critic(generated), GENERATED) / 2,
    }


@dataclass(frozen=True, slots=True)
class GeneratorLoss:
    """What a generator is told: be taken for real by `critic`, and stay near the original.

    The lesson's weights, 1 and 50, belong to its range of pixels, ImageNet's. There a difference is 1 / 0.226 times
    that in [0, 1], so its square weighs 19.6 times as much (the mean of 1 / deviation² over the channels): the same
    balance has a pixel weight of 979 on [0, 1], and of 245 on [-1, 1]. Pixels are therefore normalised here, and
    `pixel_weight` is the lesson's number.
    """

    critic_weight: float = 1.0
    pixel_weight: float = 50.0

    def terms(self, critic: nn.Module, restored: Tensor, original: Tensor) -> Terms:
        """Return both terms, weighted."""
        error = F.mse_loss(imagenet_normalised(restored.float()), imagenet_normalised(original))
        return {
            "generator_on_critic": self.critic_weight * verdict_loss(critic(restored), REAL),
            "generator_on_pixels": self.pixel_weight * error,
        }
