"""What the two networks of a WGAN minimise, and the two ways to keep the critic's slope within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

# Gulrajani et al. have images in [-1, 1]: a slope of 1 there is one of 2 where images are in [0, 1].
_UNIT_SLOPE = 2.0


class SlopeRule(Protocol):
    """Keeps the critic about Lipschitz, without which its scores say nothing of a distance."""

    def terms(self, critic: nn.Module, real: Tensor, made: Tensor, shares: Tensor) -> Mapping[str, Tensor]:
        """Return terms that are added to the critic's loss, by name; there may be none.

        `real` and `made` are images `(n, c, h, w)` in [0, 1], `shares` random numbers `(n,)` in [0, 1).
        """
        ...

    def constrain(self, critic: nn.Module) -> None:
        """Change the critic's weights after its step, if that is how it is kept."""
        ...


@dataclass(frozen=True, slots=True)
class WeightClipping:
    """Every number that the critic learns is cut to ±`bound` after each of its steps: Arjovsky et al. 2017."""

    bound: float

    def terms(self, critic: nn.Module, real: Tensor, made: Tensor, shares: Tensor) -> Mapping[str, Tensor]:
        return {}

    @torch.no_grad()
    def constrain(self, critic: nn.Module) -> None:
        for parameter in critic.parameters():
            parameter.clamp_(-self.bound, self.bound)


@dataclass(frozen=True, slots=True)
class GradientPenalty:
    """`weight` times the squared distance from 1 of the critic's slope between real and made: Gulrajani et al. 2017.

    The slope is for images in [-1, 1] as in the paper, at a random place between the two images of each pair.
    """

    weight: float

    def terms(self, critic: nn.Module, real: Tensor, made: Tensor, shares: Tensor) -> Mapping[str, Tensor]:
        between = torch.lerp(made, real, shares.view(-1, 1, 1, 1)).requires_grad_()
        slopes = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0].flatten(1)
        return {"penalty": self.weight * ((slopes.norm(dim=1) / _UNIT_SLOPE - 1) ** 2).mean()}

    def constrain(self, critic: nn.Module) -> None:
        """Leave the weights as they are: the penalty is in the loss."""


def critic_losses(
    critic: nn.Module, real: Tensor, made: Tensor, shares: Tensor, *, rule: SlopeRule
) -> dict[str, Tensor]:
    """Return what the critic minimises as "loss", its parts, and what the generator would minimise at the same time.

    "critic_gap", the mean score of real images less that of made ones, is an estimate of the Wasserstein distance up
    to a factor that the critic's slope makes: compare it within one run at most.
    """
    score_of_made = critic(made).mean()
    gap = critic(real).mean() - score_of_made
    terms = rule.terms(critic, real, made, shares)
    return {
        "loss": sum(terms.values(), start=-gap),
        "critic_gap": gap,
        **terms,
        "generator_loss": -score_of_made,
    }


def generator_losses(critic: nn.Module, made: Tensor) -> dict[str, Tensor]:
    """Return what the generator minimises, as "loss": the mean score of its images, negative."""
    return {"loss": -critic(made).mean()}
