"""The recipe `gan-generator`: learn to mend pictures by their mean squared error, from published pairs.

It is the first of three (`gan-critic`, `gan`), and of use by itself: `imagemill restore` takes its models, too. Such
pictures are the mean of what they may have been, and so a little blurred.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from storage.lineage import Metric, Origin
from training.batches import batches_in_order
from training.distributed import World
from training.feature_loss import PixelLoss
from training.gan_config import GeneratorConfig as Config
from training.gan_phases import generator_phases
from training.lineages import file_origin
from training.network_step import NetworkStep
from training.optimisation import Update
from training.picture_objectives import restoring
from training.picture_pairs import defects_of, learnt_and_held_out, opened_pictures, picture_origins
from training.picture_runs import TEST_BATCH, held_out, picture_run, require_same_scale
from training.restoration_evaluation import PSNR, RestorationEvaluation
from training.restorers import Restorer, load_restorer, make_restorer
from training.sources import Source
from training.steps import HeldOut, Run

__all__ = ["Config", "load_enlarger", "make_run", "run_on"]

METRIC = Metric(PSNR, better="higher")


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Open the version, and return the run on its splits "train" and "test"."""
    return run_on(config, *learnt_and_held_out(config, resources), world=world, seed=seed)


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Measure a finished network on the held-out rows of the settings `rows`.

    Raises:
        ValueError: the network is for bad pictures of another size.
    """
    require_same_scale(model, rows)
    _, test = learnt_and_held_out(rows, resources)
    world = World(device=device)
    network = load_enlarger(model, weights, device=device)
    found = RestorationEvaluation(world, rows.scale).of(network, batches_in_order(test, TEST_BATCH, world=world))
    return held_out(found)


def pinned(config: Config) -> Config:
    """Return the settings with the number of the version that is current now, and with the defects of its pictures."""
    if config.version is not None and config.defects is not None:
        return config
    with ExitStack() as resources:
        version = opened_pictures(config, resources)[1]
        return replace(config, version=version.version.number, defects=defects_of(version))


def origins(config: Config) -> list[Origin]:
    """Return the version of the rows, and the file of pre-trained weights."""
    weights = config.network.encoder_weights
    return picture_origins(config) + ([file_origin("encoder weights", weights)] if isinstance(weights, Path) else [])


def run_on(config: Config, train: Source, test: Source, *, world: World, seed: int) -> Run:
    """Return the run on any source of pairs: arrays `small` and `large`, `(n, side, side, 3)` uint8."""
    network = make_restorer(config.network, scale=config.scale).to(world.device)
    world.share(network)
    groups = network.layer_groups()
    step = NetworkStep(
        network,
        restoring(network, PixelLoss()),
        Update(groups, world=world, precision=config.precision, clip=config.clip),
        partial(RestorationEvaluation(world, config.scale).of, network),
        world=world,
        accumulate=config.accumulate,
    )

    phases = config.phases or generator_phases(len(groups))
    return picture_run(step, phases, config, train=train, test=test, world=world, seed=seed)


def load_enlarger(config: Config, weights: Path, *, device: torch.device | str = "cpu") -> Restorer:
    """Return the trained network of a run, from its settings and its weights.pt, in evaluation mode.

    Raises:
        UnfitWeights: the file is damaged, or of other settings.
    """
    return load_restorer(config.network, weights, scale=config.scale, device=device)
