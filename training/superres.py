"""The recipe `superres`: learn to enlarge pictures, from published pairs or from two sizes of a published version.

`net=johnson` is the network of 2016 that fast.ai built in 2017, `net=unet` that of its lesson 7 of 2019, each with
the pixel, perceptual or feature loss. Rows of the split "test" are never learnt from; all figures are theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from storage.lineage import Metric, Origin
from storage.pair_versions import PairVersion
from storage.reading import OpenVersion
from storage.records import fingerprint
from storage.tiers import Tiers
from tasks.ops.image_quality import mean_quality
from training.augmentation import CropFlip
from training.averaging import WeightAverage
from training.batches import Batch, RandomBatches, batches_in_order, unit_range
from training.distributed import World
from training.enlarging import Enlarging
from training.feature_loss import PixelLoss, Terms, feature_loss, perceptual_loss
from training.johnson import Johnson
from training.lineages import file_origin
from training.network_step import NetworkStep
from training.optimisation import Update, layer_groups
from training.phases import Phase
from training.picture_pairs import LARGE, SMALL, open_picture_pairs
from training.sources import PickedRows, Source, split_rows
from training.steps import HeldOut, Run, Validation
from training.superres_config import Config
from training.superres_evaluation import Evaluation, by_detail
from training.superres_phases import johnson_phases, lesson_phases
from training.unet import UNet
from training.weights import load_weights

__all__ = ["Config", "load_enlarger", "make_run", "run_on"]

# What a validation takes at a time: whole rows, larger than the crops that are learnt from.
_TEST_BATCH = 8

Loss = Callable[[Tensor, Tensor], Terms]
"""Maps restored and original images, `(n, 3, h, w)` in [0, 1], to the terms of which the sum is minimised."""

METRIC = Metric("psnr_y", better="higher")


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Open the version, and return the run on its splits "train" and "test"."""
    pairs, version = _opened(config, resources)
    train = PickedRows(pairs, split_rows(version, "train"))
    return run_on(config, train, _held_out(config, pairs, version), world=world, seed=seed)


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Measure a finished network on the held-out rows of the settings `rows`.

    Raises:
        ValueError: the network enlarges by another factor.
    """
    if model.scale != rows.scale:
        raise ValueError(
            f"a network that enlarges {model.scale} times cannot be measured on pairs of 1 to {rows.scale}"
        )
    test = _held_out(rows, *_opened(rows, resources))
    world = World(device=device)
    network = load_enlarger(model, weights, device=device)
    batches = batches_in_order(test, _TEST_BATCH, world=world)
    judged = Evaluation(rows.scale, world).judged(network, batches)
    figures = mean_quality(judged)
    return HeldOut({METRIC.name: figures[f"psnr_y_border{rows.scale}"]} | figures, by_detail(judged, rows.scale))


def pinned(config: Config) -> Config:
    """Return the settings with the number of the version that is current now, unless they have one."""
    if config.version is not None:
        return config
    with ExitStack() as resources:
        return replace(config, version=_opened(config, resources)[1].version.number)


def origins(config: Config) -> list[Origin]:
    """Return the version of the rows, and the files of pre-trained weights."""
    with ExitStack() as resources:
        version = _opened(config, resources)[1].version
    found = [Origin("rows", config.dataset, version.number, version.identity)]
    if isinstance(version, PairVersion):
        found.append(Origin("pair recipe", version.recipe_name, None, fingerprint(version.recipe)))
    files = {"encoder weights": config.encoder_weights, "extractor weights": config.extractor_weights}
    return found + [file_origin(role, path) for role, path in files.items() if isinstance(path, Path)]


def _opened(config: Config, resources: ExitStack) -> tuple[Source, OpenVersion]:
    return open_picture_pairs(
        Tiers(config.slow, config.fast or config.slow),
        config.dataset,
        number=config.version,
        large=config.large,
        small=config.small,
        resources=resources,
    )


def _held_out(config: Config, pairs: Source, version: OpenVersion) -> Source:
    return PickedRows(pairs, split_rows(version, "test")[: config.test_rows])


def run_on(config: Config, train: Source, test: Source, *, world: World, seed: int) -> Run:
    """Return the run on any source of pairs: arrays `small` and `large`, `(n, side, side, 3)` uint8."""
    network = make_network(config).to(world.device)
    world.share(network)
    update = Update(_layer_groups(network), world=world, precision=config.precision, clip=config.clip)
    average = None if config.averaging is None else WeightAverage(network, config.averaging)
    evaluation, loss = Evaluation(config.scale, world), make_loss(config, world.device)

    def objective(part: Batch) -> Terms:
        return loss(network(unit_range(part[SMALL])), unit_range(part[LARGE]))

    def measure(batches: Iterable[Batch]) -> Validation:
        return evaluation.of(network, batches)

    step = NetworkStep(network, objective, update, measure, world=world, average=average, accumulate=config.accumulate)

    def reader(phase: Phase) -> RandomBatches:
        crop = CropFlip(phase.side, config.flips)
        size = phase.batch_size or config.batch_size
        return RandomBatches(train, size, seed=seed, world=world, augmentation=crop, last="dropped")

    return Run(
        step,
        phases=config.phases or (lesson_phases() if config.net == "unet" else johnson_phases()),
        train=reader,
        valid=lambda phase: batches_in_order(test, _TEST_BATCH, world=world),
    )


def make_network(config: Config) -> Johnson | Enlarging:
    """Return the network that the settings describe: `(n, 3, h, w)` in [0, 1] → `scale` times as large."""
    if config.net == "unet":
        assert config.encoder_weights is not None
        return Enlarging(UNet(encoder=config.encoder_weights, attention=config.attention), scale=config.scale)
    return Johnson(
        width=config.width,
        blocks=config.blocks,
        scale=config.scale,
        upsampling=config.upsampling,
        norm=config.norm,
        skip=config.skip,
    )


def load_enlarger(config: Config, weights: Path, *, device: torch.device | str = "cpu") -> Johnson | Enlarging:
    """Return the trained network of a run, from its settings and its weights.pt, in evaluation mode.

    Raises:
        UnfitWeights: the file is damaged, or of other settings.
    """
    # The encoder's own file need not be there any more.
    network = make_network(replace(config, encoder_weights="random"))
    load_weights(network, weights)
    return network.to(device).eval()


def make_loss(config: Config, device: torch.device) -> Loss:
    """Return the loss that the settings name."""
    if config.extractor_weights is None or config.loss == "pixel":
        return PixelLoss()
    if config.loss == "perceptual":
        return perceptual_loss(config.extractor_weights, pixel_weight=config.pixel_weight).to(device)
    return feature_loss(config.extractor_weights).to(device)


def _layer_groups(network: nn.Module) -> list[list[nn.Parameter]]:
    if isinstance(network, Enlarging) and isinstance(network.restoring, UNet):
        return network.restoring.layer_groups()
    return layer_groups(network)
