"""The recipe `backbone`: learn to tell the classes of a published version apart; what is under the head are features.

With `splits`, classes that a class split keeps unseen are not learnt from, and neither are the rows that it holds out:
all figures are theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from storage.lineage import Metric, Origin
from storage.tiers import Tiers
from training.augmentation import CropFlip, InTurn
from training.averaging import WeightAverage
from training.backbone_config import Config, phases_of
from training.backbones import BACKBONE_PREFIX, Backbone, make_backbone
from training.batches import Batch, RandomBatches, batches_in_order
from training.class_rows import LEARN, TEST, ClassRows, open_class_rows
from training.classifier import Classifier, cross_entropy, load_classifier
from training.classifier_evaluation import ACCURACY, Evaluation, by_class, figures_of
from training.colour_jitter import ColourJitter
from training.distributed import World
from training.feature_loss import Terms
from training.image_encoders import NetworkEncoder
from training.lineages import file_origin
from training.network_step import NetworkStep
from training.optimisation import Update
from training.phases import Phase
from training.sources import Source
from training.steps import HeldOut, Run, Validation
from training.weights import load_weights

__all__ = ["METRIC", "Config", "evaluate", "image_encoder", "make_run", "origins", "pinned", "run_on"]

METRIC = Metric(ACCURACY, better="higher")

_TEST_BATCH = 128


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Open the version, and return the run on the rows to learn from and on those that are held out."""
    rows = _opened(config, resources)
    learnt, test = rows.source(config.size, LEARN), _held_out(config, rows)
    return run_on(config, learnt, test, classes=rows.classes, world=world, seed=seed)


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Measure a finished classifier on the held-out rows of the settings `rows`.

    Raises:
        ValueError: it tells other classes apart than those of the rows, or takes pictures of another size.
    """
    if model.size != rows.size:
        raise ValueError(f"a model of pictures of {model.size} pixels cannot be measured on rows of {rows.size} pixels")
    opened, world = _opened(rows, resources), World(device=device)
    network = load_classifier(_untrained(model), opened.classes, weights).to(device)
    batches = batches_in_order(_held_out(rows, opened), _TEST_BATCH, world=world)
    judged = Evaluation(opened.classes, world).judged(network, batches)
    return HeldOut(figures_of(judged), by_class(judged, opened.classes))


def pinned(config: Config) -> Config:
    """Return the settings with the numbers of the versions that are current now, unless they have them."""
    if config.version is not None and (config.splits is None or config.splits_version is not None):
        return config
    with ExitStack() as resources:
        numbers = {origin.role: origin.version for origin in _opened(config, resources).origins}
    return replace(config, version=numbers["rows"], splits_version=numbers.get("class split"))


def origins(config: Config) -> list[Origin]:
    """Return the version of the rows, the class split, and the file of pre-trained weights."""
    with ExitStack() as resources:
        found = list(_opened(config, resources).origins)
    return found + ([] if config.weights == "random" else [file_origin("backbone weights", config.weights)])


def image_encoder(config: Config, weights: Path, *, device: torch.device) -> NetworkEncoder:
    """Return the backbone of a finished classifier: what its head saw.

    Raises:
        UnfitWeights: the file is damaged, or of other settings.
    """
    backbone = _untrained(config)
    load_weights(backbone, weights, prefix=BACKBONE_PREFIX)
    return NetworkEncoder(backbone, config.size, backbone.dimensions, device)


def run_on(config: Config, learnt: Source, test: Source, *, classes: tuple[str, ...], world: World, seed: int) -> Run:
    """Return the run on any source of `images`, `(n, size, size, 3)` uint8, and `targets`, indices into `classes`."""
    backbone = make_backbone(config.network, config.weights, width=config.width)
    _require_room(config, backbone)
    network = Classifier(backbone, classes).to(world.device)
    world.share(network)
    evaluation = Evaluation(classes, world)

    def objective(part: Batch) -> Terms:
        return cross_entropy(network, part, smoothing=config.label_smoothing)

    def measure(batches: Iterable[Batch]) -> Validation:
        return evaluation.of(network, batches)

    def reader(phase: Phase) -> RandomBatches:
        changes = InTurn((CropFlip(phase.side or config.crop, config.flips), ColourJitter(config.jitter)))
        size = phase.batch_size or config.batch_size
        return RandomBatches(learnt, size, seed=seed, world=world, augmentation=changes, last="dropped")

    update = Update(network.layer_groups(), world=world, precision=config.precision, clip=config.clip)
    average = None if config.averaging is None else WeightAverage(network, config.averaging)
    return Run(
        NetworkStep(network, objective, update, measure, world=world, average=average, accumulate=config.accumulate),
        phases=phases_of(config),
        train=reader,
        valid=lambda phase: batches_in_order(test, _TEST_BATCH, world=world),
    )


def _opened(config: Config, resources: ExitStack) -> ClassRows:
    return open_class_rows(
        Tiers(config.slow, config.fast or config.slow),
        config.dataset,
        number=config.version,
        splits=config.splits,
        splits_number=config.splits_version,
        seed=config.split,
        resources=resources,
    )


def _held_out(config: Config, rows: ClassRows) -> Source:
    return rows.source(config.size, TEST, limit=config.test_rows)


def _untrained(config: Config) -> Backbone:
    """Return the network of the settings; the file that its training began with need not be there any more."""
    return make_backbone(config.network, width=config.width)


def _require_room(config: Config, backbone: Backbone) -> None:
    side = min(phase.side or config.crop or config.size for phase in phases_of(config))
    if side < backbone.least_side:
        raise ValueError(f"{config.network} takes pictures of at least {backbone.least_side} pixels, got {side}")
