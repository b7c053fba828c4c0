"""The recipe `wgan`: images out of noise, by a critic that learns how far they are from real ones.

A DCGAN-like generator and critic for images of 8 to 64 pixels, with clipped weights (Arjovsky, Chintala, Bottou 2017,
"Wasserstein GAN") or a gradient penalty (Gulrajani et al. 2017, "Improved training of Wasserstein GANs"). A model is
promoted by its distance to rows of the split "test", which nothing is learnt from; its losses say little.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from storage.lineage import Metric, Origin
from storage.reading import OpenVersion, open_version
from storage.tiers import Tiers
from storage.versions import Version
from training.augmentation import CropFlip
from training.averaging import WeightAverage
from training.batches import RandomBatches
from training.distributed import World
from training.phases import Phase
from training.sources import PickedRows, Source, StoredRows, split_rows
from training.steps import HeldOut, Run
from training.weights import load_weights
from training.wgan_config import Config, papers_phases
from training.wgan_evaluation import FRECHET, Evaluation, Yardstick, yardstick_of
from training.wgan_images import IMAGES, LABELS
from training.wgan_losses import GradientPenalty, SlopeRule, WeightClipping
from training.wgan_networks import Critic, Generator
from training.wgan_noise import Noise
from training.wgan_step import WganStep

__all__ = ["METRIC", "Config", "evaluate", "load_generator", "make_run", "origins", "pinned", "run_on"]

METRIC = Metric(FRECHET, better="lower")


def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run:
    """Open the version, and return the run on its splits "train" and "test"."""
    version = _opened(config, resources)
    return run_on(config, _rows(config, version, "train"), _rows(config, version, "test"), world=world, seed=seed)


def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
    """Measure a finished generator on the held-out rows of the settings `rows`, with as many images as they say.

    Raises:
        ValueError: it makes images of another size, or grey ones where colour is wanted, or the reverse.
    """
    if (model.size, model.colour) != (rows.size, rows.colour):
        raise ValueError(
            f"a generator of {model.size} pixels, {model.colour}, cannot be measured on rows of {rows.size} pixels, "
            f"{rows.colour}"
        )
    version = _opened(rows, resources)
    learnt, held_out = (_rows(rows, version, split) for split in ("train", "test"))
    yardstick = yardstick_of(held_out, learnt, rows=rows.samples, channels=rows.channels)
    return judged(model, weights, yardstick, version.classes, samples=rows.samples, device=device)


def judged(
    model: Config, weights: Path, yardstick: Yardstick, classes: tuple[str, ...], *, samples: int, device: torch.device
) -> HeldOut:
    """Return the figures of a finished generator, those of real rows beside them, and the shares of `classes`."""
    made = Evaluation(yardstick, samples, model.noise, device).made_by(load_generator(model, weights, device=device))
    metrics = yardstick.figures(made) | yardstick.real_figures()
    if yardstick.labels is None:
        return HeldOut(metrics)
    shares = yardstick.shares(made, len(classes))
    of_classes = {
        name: {figure: float(values[number]) for figure, values in shares.items()}
        for number, name in enumerate(classes)
        if any(values[number] for values in shares.values())
    }
    return HeldOut(metrics, of_classes)


def pinned(config: Config) -> Config:
    """Return the settings with the number of the version that is current now, unless they have one."""
    if config.version is not None:
        return config
    with ExitStack() as resources:
        return replace(config, version=_opened(config, resources).version.number)


def origins(config: Config) -> list[Origin]:
    """Return the version of the rows."""
    with ExitStack() as resources:
        version = _opened(config, resources).version
    return [Origin("rows", config.dataset, version.number, version.identity)]


def run_on(config: Config, train: Source, test: Source, *, world: World, seed: int) -> Run:
    """Return the run on any sources: arrays `images`, `(n, size, size, 3)` uint8, and `labels` if there are such."""
    generator, critic = make_generator(config).to(world.device), make_critic(config).to(world.device)
    world.share(generator, critic)
    yardstick = yardstick_of(test, train, rows=config.samples, channels=config.channels)
    step = WganStep(
        generator,
        critic,
        rule=make_rule(config),
        n_critic=config.n_critic,
        noise=Noise(config.noise, seed, world),
        evaluation=Evaluation(yardstick, config.samples, config.noise, world.device),
        average=None if config.averaging is None else WeightAverage(generator, config.averaging),
    )

    flips = None if config.flips == "none" else CropFlip(None, config.flips)

    def reader(phase: Phase) -> RandomBatches:
        size = phase.batch_size or config.batch_size
        return RandomBatches(train, size, seed=seed, world=world, augmentation=flips, last="dropped")

    phases = config.phases or papers_phases(config.variant)
    # What is measured are images made of noise, against rows that the yardstick holds already.
    return Run(step, phases=phases, train=reader, valid=lambda phase: ())


def make_generator(config: Config) -> Generator:
    """Return the generator that the settings describe: noise `(n, noise)` → images in [0, 1]."""
    return Generator(side=config.size, channels=config.channels, noise=config.noise, width=config.width)


def make_critic(config: Config) -> Critic:
    """Return the critic: with batch norm as in the first paper, or layer norm as the second recommends."""
    norm = "batch" if config.variant == "clip" else "layer"
    return Critic(side=config.size, channels=config.channels, width=config.width, norm=norm)


def make_rule(config: Config) -> SlopeRule:
    """Return what keeps the critic's slope within bounds."""
    return WeightClipping(config.clip) if config.variant == "clip" else GradientPenalty(config.penalty)


def load_generator(config: Config, weights: Path, *, device: torch.device | str = "cpu") -> Generator:
    """Return the trained generator of a run, from its settings and its weights.pt, in evaluation mode.

    Raises:
        UnfitWeights: the file is damaged, or of other settings.
    """
    generator = make_generator(config)
    load_weights(generator, weights)
    return generator.to(device).eval()


def _opened(config: Config, resources: ExitStack) -> OpenVersion[Version]:
    tiers = Tiers(config.slow, config.fast or config.slow)
    return resources.enter_context(open_version(tiers, config.dataset, number=config.version))


def _rows(config: Config, version: OpenVersion[Version], split: str) -> Source:
    """Return the rows of a split, those of one class where the settings name it."""
    source = StoredRows({IMAGES: version.rows(config.size)}, {LABELS: version.labels})
    rows = split_rows(version, split)
    return PickedRows(source, rows if config.of_class is None else _of_class(config.of_class, version, rows))


def _of_class(name: str, version: OpenVersion[Version], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    if name not in version.classes:
        some = ", ".join(version.classes[:5])
        raise ValueError(f"there is no class {name!r}; there are {len(version.classes)}, such as {some}")
    return rows[version.labels[rows] == version.classes.index(name)]
