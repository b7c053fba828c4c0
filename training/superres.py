"""The recipe `superres`: learn to enlarge pictures, from published pairs or from two sizes of a published version.

`net=johnson` is the network of 2016 that fast.ai built in 2017, `net=unet` that of its lesson 7 of 2019, each with
the pixel, perceptual or feature loss. Rows of the split "test" are never learnt from; all figures are theirs.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from storage.lineage import Metric, Origin
from tasks.ops.image_quality import mean_quality
from training.averaging import WeightAverage
from training.batches import batches_in_order
from training.distributed import World
from training.enlarging import Enlarging
from training.feature_loss import PixelLoss, feature_loss, perceptual_loss
from training.johnson import Johnson
from training.lineages import file_origin
from training.network_step import NetworkStep
from training.optimisation import Update, layer_groups
from training.picture_objectives import Loss, restoring
from training.picture_pairs import current_pictures, learnt_and_held_out, picture_origins
from training.picture_runs import TEST_BATCH, picture_run, require_same_scale
from training.sources import Source
from training.steps import HeldOut, Run
from training.superres_config import Config
from training.superres_evaluation import Evaluation, by_detail
from training.superres_phases import johnson_phases, lesson_phases
from training.unet import UNet
from training.weights import load_weights

__all__ = ["Config", "load_enlarger", "make_run", "run_on"]

METRIC = Metric("psnr_y", better="higher")


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Open the version, and return the run on its splits "train" and "test"."""
    return run_on(config, *learnt_and_held_out(config, resources), world=world, seed=seed)


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Measure a finished network on the held-out rows of the settings `rows`.

    Raises:
        ValueError: the network enlarges by another factor.
    """
    require_same_scale(model, rows)
    _, test = learnt_and_held_out(rows, resources)
    world = World(device=device)
    network = load_enlarger(model, weights, device=device)
    batches = batches_in_order(test, TEST_BATCH, world=world)
    judged = Evaluation(rows.scale, world).judged(network, batches)
    figures = mean_quality(judged)
    return HeldOut({METRIC.name: figures[f"psnr_y_border{rows.scale}"]} | figures, by_detail(judged, rows.scale))


def pinned(config: Config) -> Config:
    """Return the settings with the number of the version that is current now, unless they have one."""
    return config if config.version is not None else replace(config, version=current_pictures(config))


def origins(config: Config) -> list[Origin]:
    """Return the version of the rows, and the files of pre-trained weights."""
    files = {"encoder weights": config.encoder_weights, "extractor weights": config.extractor_weights}
    return picture_origins(config) + [file_origin(role, path) for role, path in files.items() if isinstance(path, Path)]


def run_on(config: Config, train: Source, test: Source, *, world: World, seed: int) -> Run:
    """Return the run on any source of pairs: arrays `small` and `large`, `(n, side, side, 3)` uint8."""
    network = make_network(config).to(world.device)
    world.share(network)
    update = Update(_layer_groups(network), world=world, precision=config.precision, clip=config.clip)
    average = None if config.averaging is None else WeightAverage(network, config.averaging)
    evaluation, objective = Evaluation(config.scale, world), restoring(network, make_loss(config, world.device))
    measure = partial(evaluation.of, network)
    step = NetworkStep(network, objective, update, measure, world=world, average=average, accumulate=config.accumulate)

    phases = config.phases or (lesson_phases() if config.net == "unet" else johnson_phases())
    return picture_run(step, phases, config, train=train, test=test, world=world, seed=seed)


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
