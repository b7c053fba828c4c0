"""The recipe `gan-critic`: learn to tell real pictures from those that a generator made, before both compete.

Rows are pairs whose bad pictures are a generator's: `imagemill restore-rows` publishes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from storage.lineage import Metric, Origin
from training.batches import Batch, batches_in_order, unit_range
from training.critic import Critic
from training.distributed import World
from training.gan_config import CriticConfig as Config
from training.gan_config import CriticShape
from training.gan_losses import critic_terms
from training.gan_phases import critic_phases
from training.network_step import NetworkStep
from training.optimisation import Update, layer_groups
from training.picture_objectives import of_both
from training.picture_pairs import LARGE, SMALL, current_pictures, learnt_and_held_out, picture_origins
from training.picture_runs import TEST_BATCH, held_out, picture_run
from training.sources import Source
from training.steps import HeldOut, Run, Validation
from training.weights import load_weights

__all__ = ["Config", "load_critic", "make_run", "run_on"]

METRIC = Metric("accuracy", better="higher")


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Open the version, and return the run on its splits "train" and "test"."""
    return run_on(config, *learnt_and_held_out(config, resources), world=world, seed=seed)


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Measure a finished critic on the held-out rows of the settings `rows`."""
    _, test = learnt_and_held_out(rows, resources)
    world = World(device=device)
    critic = load_critic(model.network, weights, device=device)
    found = CriticEvaluation(world).of(critic, batches_in_order(test, TEST_BATCH, world=world))
    return held_out(found)


def pinned(config: Config) -> Config:
    """Return the settings with the number of the version that is current now, unless they have one."""
    return config if config.version is not None else replace(config, version=current_pictures(config))


def origins(config: Config) -> list[Origin]:
    """Return the version of the rows, and which generator made half of them."""
    return picture_origins(config)


def run_on(config: Config, train: Source, test: Source, *, world: World, seed: int) -> Run:
    """Return the run on any source of pairs: `large` holds real pictures, `small` generated ones, of one size."""
    critic = make_critic(config.network).to(world.device)
    world.share(critic)
    step = NetworkStep(
        critic,
        of_both(partial(critic_terms, critic)),
        Update(layer_groups(critic), world=world, precision=config.precision, clip=config.clip),
        partial(CriticEvaluation(world).of, critic),
        world=world,
        accumulate=config.accumulate,
    )

    phases = config.phases or critic_phases()
    return picture_run(step, phases, config, train=train, test=test, world=world, seed=seed)


def make_critic(shape: CriticShape) -> Critic:
    """Return a critic that has learnt nothing yet."""
    return Critic(width=shape.width, blocks=shape.blocks, dropout=shape.dropout)


def load_critic(shape: CriticShape, weights: Path, *, device: torch.device | str = "cpu") -> Critic:
    """Return a trained critic, in evaluation mode.

    Raises:
        UnfitWeights: the file is damaged, or of other settings.
    """
    critic = make_critic(shape)
    load_weights(critic, weights)
    return critic.to(device).eval()


@dataclass(frozen=True, slots=True)
class CriticEvaluation:
    """How many held-out pictures a critic takes for what they are: the mean verdict of its places decides."""

    world: World

    def of(self, critic: Callable[[Tensor], Tensor], batches: Iterable[Batch], /) -> Validation:
        """Return the accuracy over the rows of all processes, half of them real and half generated, and of each."""
        counts = torch.zeros(3, device=self.world.device)
        for batch in batches:
            moved = batch.to(self.world.device)
            with torch.no_grad():
                real, generated = (critic(unit_range(moved[name])).mean(dim=1) > 0 for name in (LARGE, SMALL))
            counts += torch.stack([real.sum(), (~generated).sum(), torch.full_like(real.sum(), len(batch))])
        right_on_real, right_on_generated, rows = self.world.sum(counts)
        figures = {"accuracy_on_real": right_on_real / rows, "accuracy_on_generated": right_on_generated / rows}
        return Validation({"accuracy": (right_on_real + right_on_generated) / (2 * rows)} | figures)
