"""The recipe `gan`: a generator and a critic that learnt by themselves learn from one another (fast.ai, lesson 7).

Restored pictures get sharper, and PSNR falls: what is sharp is in the wrong place now and then. What decides between
two models is therefore how far patches of restored pictures are from those of originals, as distributions. The losses
of both networks say little: each is measured by an opponent that changes.
"""

from __future__ import annotations

from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from storage.lineage import Metric, Origin
from training.batches import batches_in_order
from training.critic import Critic
from training.distributed import World
from training.gan_config import Config
from training.gan_critic import load_critic
from training.gan_losses import GeneratorLoss
from training.gan_phases import ping_pong_phases
from training.gan_step import GanStep, Player
from training.gan_switch import AdaptiveSwitch
from training.optimisation import Update, layer_groups
from training.picture_pairs import defects_of, learnt_and_held_out, opened_pictures, picture_origins, tiers_of
from training.picture_runs import TEST_BATCH, held_out, picture_run, require_same_scale
from training.restoration_evaluation import FRECHET, RestorationEvaluation
from training.restorers import RESTORING, Restorer, load_restorer
from training.sources import Source
from training.starting_models import StartingModel, numbered, starting_model
from training.steps import HeldOut, Run

__all__ = ["Config", "Players", "load_enlarger", "make_run", "run_on"]

METRIC = Metric(FRECHET, better="lower")

START = "start"
"""What the figures of the generator that a run begins with are called by."""


@dataclass(frozen=True, slots=True)
class Players:
    """The networks that a run begins with."""

    generator: Restorer
    critic: Critic


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Open the version and both models, and return the run on the splits "train" and "test"."""
    rows = learnt_and_held_out(config, resources)
    return run_on(config, _players(config, world.device), *rows, world=world, seed=seed)


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Measure a finished generator on the held-out rows of the settings `rows`, whose critic is the judge.

    Beside it stands the generator that the run of `rows` began with.

    Raises:
        ValueError: the network is for bad pictures of another size.
    """
    require_same_scale(model, rows)
    _, test = learnt_and_held_out(rows, resources)
    world = World(device=device)
    start, network = _players(rows, device), load_enlarger(model, weights, device=device)
    found = _evaluation(rows, start, world).of(network, batches_in_order(test, TEST_BATCH, world=world))
    return held_out(found)


def pinned(config: Config) -> Config:
    """Return the settings with the versions that are current now, and the shapes of both networks.

    Raises:
        ValueError: a model is of another recipe, or the generator for bad pictures of another size.
    """
    if None not in (config.version, config.generator_version, config.critic_version):
        return config
    with ExitStack() as resources:
        version = opened_pictures(config, resources)[1]
        generator, critic = _models(config, resources)
        return replace(
            config,
            version=version.version.number,
            defects=defects_of(version),
            generator_version=generator.number,
            network=generator.config.network.trained,
            critic_version=critic.number,
            critic_network=critic.config.network,
        )


def origins(config: Config) -> list[Origin]:
    """Return the version of the rows, and both models."""
    with ExitStack() as resources:
        generator, critic = _models(config, resources)
        return [*picture_origins(config), generator.origin("generator"), critic.origin("critic")]


def run_on(config: Config, players: Players, train: Source, test: Source, *, world: World, seed: int) -> Run:
    """Return the run on any source of pairs: arrays `small` and `large`, `(n, side, side, 3)` uint8."""
    # They come from files: all processes have the same.
    frozen = Players(deepcopy(players.generator).eval(), deepcopy(players.critic).eval())
    updates = (
        Update(groups, world=world, precision=config.precision, clip=config.clip)
        for groups in (players.generator.layer_groups(), layer_groups(players.critic))
    )
    generator, critic = map(Player, (players.generator, players.critic), updates)
    step = GanStep(
        generator,
        critic,
        loss=GeneratorLoss(config.critic_weight, config.pixel_weight),
        switch=AdaptiveSwitch(threshold=config.threshold, most_steps=config.most_critic_steps),
        measure=partial(_evaluation(config, frozen, world).of, players.generator),
        critic_rate=config.critic_rate,
        world=world,
    )

    phases = config.phases or ping_pong_phases()
    return picture_run(step, phases, config, train=train, test=test, world=world, seed=seed)


def load_enlarger(config: Config, weights: Path, *, device: torch.device | str = "cpu") -> Restorer:
    """Return the trained generator of a run, from its settings and its weights.pt, in evaluation mode.

    Raises:
        UnfitWeights: the file is damaged, or of other settings.
    """
    assert config.network is not None
    return load_restorer(config.network, weights, scale=config.scale, device=device)


def _evaluation(config: Config, start: Players, world: World) -> RestorationEvaluation:
    return RestorationEvaluation(world, config.scale, others={START: start.generator}, critic=start.critic)


def _models(config: Config, resources: ExitStack) -> tuple[StartingModel, StartingModel]:
    tiers = tiers_of(config)
    wanted = numbered(config.generator, config.generator_version), numbered(config.critic, config.critic_version)
    generator = starting_model(tiers, wanted[0], recipes=RESTORING, resources=resources)
    critic = starting_model(tiers, wanted[1], recipes=("gan-critic",), resources=resources)
    if generator.config.scale != config.scale:
        raise ValueError(
            f"{generator.reference} is for pairs of 1 to {generator.config.scale}, and these are of 1 to {config.scale}"
        )
    return generator, critic


def _players(config: Config, device: torch.device) -> Players:
    with ExitStack() as resources:
        generator, critic = _models(config, resources)
        return Players(
            generator.recipe.module.load_enlarger(generator.config, generator.weights, device=device),
            load_critic(critic.config.network, critic.weights, device=device),
        )
