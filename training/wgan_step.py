"""One step of a WGAN: the critic learns from every batch, and after each `n_critic` of them the generator, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from training.averaging import WeightAverage
from training.batches import Batch, unit_range
from training.distributed import World
from training.optimisation import Update, layer_groups
from training.phases import Phase, Rates
from training.ramps import spread_out
from training.steps import Validation
from training.wgan_evaluation import Evaluation
from training.wgan_images import IMAGES, in_channels
from training.wgan_losses import SlopeRule, critic_losses, generator_losses
from training.wgan_networks import Critic, Generator
from training.wgan_noise import Noise

# The layer groups of a phase, in the order of its rates.
_GENERATOR, _CRITIC, _NETWORKS = 0, 1, 2


class WganStep:
    """What the loop drives. Batches hold images, uint8; a phase may name two rates, for generator and critic.

    Whose turn it is follows from `steps`, the number of batches that the critic has learnt from.
    """

    def __init__(
        self,
        generator: Generator,
        critic: Critic,
        *,
        rule: SlopeRule,
        n_critic: int,
        noise: Noise,
        evaluation: Evaluation,
        average: WeightAverage | None = None,
    ) -> None:
        self.generator, self.critic, self.steps = generator, critic, 0
        self._rule, self._n_critic, self._noise = rule, n_critic, noise
        self._evaluation, self._average = evaluation, average
        self._world: World = noise.world
        self._updates = [Update(layer_groups(network), world=self._world) for network in (generator, critic)]

    def begin_phase(self, phase: Phase) -> None:
        """Take the optimiser that the phase names, for each network one."""
        for update in self._updates:
            update.begin_phase(phase)

    def train_batch(self, batch: Batch, rates: Rates) -> Mapping[str, Tensor]:
        """Let the critic learn from the batch, and the generator if it is its turn; return the critic's losses."""
        self.generator.train()
        self.critic.train()
        found = self._updates[_CRITIC].minimise(
            self._critic_objective, [batch.to(self._world.device)], _rates_of(rates, _CRITIC)
        )
        self._rule.constrain(self.critic)
        self.steps += 1
        if self.steps % self._n_critic == 0:
            self._train_generator(len(batch), _rates_of(rates, _GENERATOR))
        return found

    def validate(self, batches: Iterable[Any]) -> Validation:
        """Measure what the generator makes of fixed noise, with averaged weights where averages are kept."""
        if self._average is None:
            return self._measured()
        with self._average.put_into(self.generator):
            return self._measured()

    def state_dict(self) -> dict[str, Any]:
        state = {
            "generator": self.generator.state_dict(),
            "critic": self.critic.state_dict(),
            "updates": [update.state_dict() for update in self._updates],
            "steps": self.steps,
        }
        return state if self._average is None else state | {"average": self._average.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.generator.load_state_dict(state["generator"])
        self.critic.load_state_dict(state["critic"])
        for update, own in zip(self._updates, state["updates"], strict=True):
            update.load_state_dict(own)
        self.steps = state["steps"]
        if self._average is not None:
            self._average.load_state_dict(state["average"])

    def weights(self) -> Mapping[str, Tensor]:
        """Return the state dict of the generator, averaged where averages are kept."""
        return self.generator.state_dict() if self._average is None else self._average.weights_of(self.generator)

    def _train_generator(self, rows: int, rates: Rates) -> None:
        """Take one step of the generator against the critic as it is."""
        # Else its gradients would be there when the critic learns next.
        self.critic.requires_grad_(requires_grad=False)
        noise = self._noise.for_generator(self.steps, rows)
        self._updates[_GENERATOR].minimise(
            lambda part: generator_losses(self.critic, self.generator(part)), [noise], rates
        )
        self.critic.requires_grad_(requires_grad=True)
        if self._average is not None:
            self._average.add(self.generator)

    def _critic_objective(self, batch: Batch) -> Mapping[str, Tensor]:
        real = in_channels(unit_range(batch[IMAGES]), self.generator.channels)
        with torch.no_grad():
            made = self.generator(self._noise.for_critic(self.steps, len(batch)))
        shares = self._noise.shares(self.steps, len(batch))
        return critic_losses(self.critic, real, made, shares, rule=self._rule)

    def _measured(self) -> Validation:
        # Running statistics of batch norm are of the noise that a process drew.
        self._world.share(self.generator)
        self.generator.eval()
        return self._evaluation.of(self.generator)


def _rates_of(rates: Rates, network: int) -> Rates:
    """Return the rates of one of the two networks."""
    levels = (rates.learning_rate, rates.momentum, rates.weight_decay)
    return Rates(*(spread_out(level, _NETWORKS)[network] for level in levels))
