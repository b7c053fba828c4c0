"""One step of a restoration GAN: the critic learns, or the generator does; an adaptive switch says whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from training.batches import Batch, unit_range
from training.distributed import World
from training.feature_loss import Terms
from training.gan_losses import GeneratorLoss, critic_terms
from training.gan_switch import AdaptiveSwitch
from training.network_step import Measure, with_sum
from training.optimisation import Update
from training.phases import Phase, Rates
from training.picture_pairs import LARGE, SMALL
from training.ramps import numbers
from training.steps import Validation

_NAMES = ("loss", "critic_on_real", "critic_on_generated", "generator_on_critic", "generator_on_pixels")


@dataclass(frozen=True, slots=True)
class Player:
    """One of the two networks, and the optimiser that is its own."""

    network: nn.Module
    update: Update


class GanStep:
    """What the loop drives: one batch, one turn. Batches hold `small` and `large` pictures of the same rows, uint8.

    Rates and frozen groups of a phase are the generator's; the critic, all of it, learns at `critic_rate` times the
    highest of its learning rates. `measure` measures the generator. A loss that is not measured in a turn keeps its
    last value, so that all are told. "generator_turn" is 1 in the generator's turns: its mean is their share.
    """

    def __init__(
        self,
        generator: Player,
        critic: Player,
        *,
        loss: GeneratorLoss,
        switch: AdaptiveSwitch,
        measure: Measure,
        critic_rate: float,
        world: World,
    ) -> None:
        self.generator, self.critic, self.switch = generator, critic, switch
        self._loss, self._measure, self._critic_rate, self._world = loss, measure, critic_rate, world
        self._last = {name: torch.zeros((), device=self._world.device) for name in _NAMES}

    def begin_phase(self, phase: Phase) -> None:
        """Freeze what the phase freezes of the generator; take its kind of optimiser for both networks."""
        self.generator.update.begin_phase(phase)
        for layer in self.generator.network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.requires_grad_(requires_grad=True)
        self.critic.update.begin_phase(replace(phase, learning_rate=0.0, momentum=0.0, weight_decay=0.0, frozen=0))

    def train_batch(self, batch: Batch, rates: Rates) -> Mapping[str, Tensor]:
        """Take one step of the network whose turn it is; return the losses of both. This waits for the device."""
        self.generator.network.train()
        self.critic.network.train()
        moved = batch.to(self._world.device)
        is_generators = self.switch.turn == "generator"
        if is_generators:
            self.critic.network.requires_grad_(requires_grad=False)
            found = self.generator.update.minimise(self._generator_terms, [moved], rates)
            self.switch.after_generator()
        else:
            self.critic.network.requires_grad_(requires_grad=True)
            found = self.critic.update.minimise(self._critic_terms, [moved], _critics(rates, self._critic_rate))
            # All processes have to take the same turn.
            loss = found["loss"].clone()
            self._world.average([loss])
            self.switch.after_critic(loss.item())
        self._last |= found
        return self._last | {"generator_turn": torch.full_like(self._last["loss"], is_generators)}

    def validate(self, batches: Iterable[Batch]) -> Validation:
        """Measure the generator."""
        self._world.share(self.generator.network)
        self.generator.network.eval()
        return self._measure(batches)

    def state_dict(self) -> dict[str, Any]:
        players = {"generator": self.generator, "critic": self.critic}
        return {
            **{name: player.network.state_dict() for name, player in players.items()},
            **{f"{name}_update": player.update.state_dict() for name, player in players.items()},
            "switch": self.switch.state_dict(),
            "last": dict(self._last),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, player in {"generator": self.generator, "critic": self.critic}.items():
            player.network.load_state_dict(state[name])
            player.update.load_state_dict(state[f"{name}_update"])
        self.switch.load_state_dict(state["switch"])
        self._last = {name: loss.to(self._world.device) for name, loss in state["last"].items()}

    def weights(self) -> Mapping[str, Tensor]:
        """Return the state dict of the generator: who restores a picture asks no critic."""
        return self.generator.network.state_dict()

    def _critic_terms(self, batch: Batch) -> Terms:
        with torch.no_grad():
            restored = self.generator.network(unit_range(batch[SMALL]))
        return with_sum(critic_terms(self.critic.network, restored, unit_range(batch[LARGE])))

    def _generator_terms(self, batch: Batch) -> Terms:
        restored = self.generator.network(unit_range(batch[SMALL]))
        return with_sum(self._loss.terms(self.critic.network, restored, unit_range(batch[LARGE])))


def _critics(rates: Rates, factor: float) -> Rates:
    """Return what holds for the critic, which is one layer group."""
    rate, momentum, decay = (max(numbers(level)) for level in (rates.learning_rate, rates.momentum, rates.weight_decay))
    return Rates(factor * rate, momentum, decay)
