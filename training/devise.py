"""The recipe `devise`: learn to put pictures where the words for them are, so that classes never seen can be named.

Frome et al. 2013, "DeViSE: a deep visual-semantic embedding model". Rows of unseen classes are never learnt from;
they are what a model is measured on.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from storage.lineage import Metric
from storage.models import open_model
from tasks.ops.class_splitting import LEARN, VALID
from training.augmentation import CropFlip, InTurn
from training.batches import RandomBatches, batches_in_order
from training.colour_jitter import ColourJitter
from training.devise_config import Config, tiers_of
from training.devise_data import WordSpace, open_hops, open_word_space, rows_for
from training.devise_evaluation import measured
from training.devise_losses import loss_named
from training.devise_network import begin_as, finished_network, make_network
from training.devise_objective import DeviseObjective
from training.devise_origins import origins, pinned
from training.distributed import World
from training.image_encoders import ImageEncoder, NetworkEncoder
from training.network_step import NetworkStep
from training.optimisation import Update
from training.phases import Phase
from training.schedules import one_cycle
from training.steps import HeldOut, Run

__all__ = ["Config", "evaluate", "image_encoder", "make_run", "origins", "pinned"]

METRIC = Metric("unseen_hit5", better="higher")

_TEST_BATCH = 64


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Open rows, class split and word maps; return the run on the rows of seen classes that are not held out."""
    space = open_word_space(config, resources)
    network = make_network(config, dimensions=space.vectors.shape[1], seen=len(space.rows.labels))
    if config.start is not None:
        with open_model(tiers_of(config), config.start) as model:
            begin_as(network, model.weights)
    network.to(world.device)
    world.share(network)
    seen = space.rows.labels
    objective = DeviseObjective(
        network,
        loss_named(config.loss, margin=config.margin, scale=config.scale),
        vectors=torch.from_numpy(space.class_vectors(seen)),
        control=torch.from_numpy(space.control_vectors(seen)),
        world=world,
    )
    groups = [network.head_parameters()] if config.features else network.layer_groups()
    update = Update(groups, world=world, precision=config.precision, clip=config.clip)
    train, valid = (rows_for(role, config, space, resources) for role in (LEARN, VALID))

    def reader(phase: Phase) -> RandomBatches:
        changes = InTurn((CropFlip(phase.side or config.crop, config.flips), ColourJitter(config.jitter)))
        size = phase.batch_size or config.batch_size
        return RandomBatches(train, size, seed=seed, world=world, augmentation=changes)

    return Run(
        NetworkStep(network, objective.terms, update, objective.measured, world=world, frozen_norms="rest"),
        phases=config.phases or default_phases(config),
        train=reader,
        valid=lambda phase: batches_in_order(valid, _TEST_BATCH, world=world),
    )


def default_phases(config: Config) -> list[Phase]:
    """Return one cycle for heads on features; else the paper's order, the core frozen first, then all of it, slower."""
    heads = Phase(5.0, 3e-3, weight_decay=1e-2)
    if config.features:
        return one_cycle(heads)
    return [
        *one_cycle(replace(heads, epochs=1.0, frozen=2)),
        *one_cycle(replace(heads, learning_rate=(3e-4, 1e-3, 3e-3))),
    ]


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Measure a finished model on the held-out rows and the unseen classes of the settings `rows`.

    Raises:
        ValueError: it has learnt from other classes than those that are seen there.
    """
    space = open_word_space(rows, resources, words_of=model)
    own = open_word_space(model, resources)
    _require_same_split(own, space, where=f"split {rows.split} of {rows.splits_name}")
    network = finished_network(model, weights).to(device)
    graph = open_hops(rows, resources)
    return measured(network, model, space, graph=graph, rows_per_class=rows.rows_per_class, device=device)


def image_encoder(config: Config, weights: Path, *, device: torch.device) -> ImageEncoder:
    """Return a finished model as a map from pictures to word space, `(n, dimensions)` of length 1."""
    network = finished_network(config, weights)
    return NetworkEncoder(network, config.size, network.dimensions, device)


def _require_same_split(own: WordSpace, space: WordSpace, *, where: str) -> None:
    learnt, wanted = set(own.names(own.rows.labels)), set(space.names(space.rows.labels))
    unseen = set(space.names(space.rows.split.unseen_labels))
    if known := learnt & unseen:
        raise ValueError(
            f"the model learnt from {len(known)} of the {len(unseen)} classes that are unseen in {where}, such as "
            f"{min(known)}: there it cannot be measured"
        )
    if learnt != wanted:
        raise ValueError(
            f"the model learnt from {len(learnt)} classes and {where} has {len(wanted)} seen ones, not the same: its "
            "hit rates among seen classes cannot be compared"
        )
