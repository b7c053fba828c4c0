"""`python -m training features DATASET …`: the vectors of all rows by a model or a network, published as features.

How far it is comes as lines of JSON, {"rows", "of", "computed"}, at the end {"version", "is_new", "computed"}.
Asked to stop by SIGTERM, it does after the shard in hand, with exit code 75: the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import torch

from storage.datasets import create_dataset
from storage.errors import named_disk_errors
from storage.features import FEATURES, features_name
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.models import open_model
from storage.reading import OpenVersion, open_version
from storage.scratch import scratch_folder
from storage.tiers import Tiers
from storage.versions import Version
from tasks.ops.feature_requests import EncoderChoice, EncoderOrigin, model_origin, network_origin
from training.backbones import BACKBONES, make_backbone
from training.configuration import resolved
from training.device_lock import add_lock_options, device_lock, patience_of
from training.devices import device_named
from training.feature_extraction import Extraction, extract
from training.image_encoders import ImageEncoder, NetworkEncoder
from training.interruption import interruption_by_signals
from training.precision import Precision
from training.progress_lines import ProgressLines
from training.recipes import recipe_named


def features(arguments: Sequence[str]) -> None:
    """Carry out the command `features`."""
    options = _parser().parse_args(arguments)
    device = device_named(options.device, local_rank=0)
    if options.cpu_threads is not None:
        torch.set_num_threads(options.cpu_threads)
    choice = EncoderChoice(options.model, options.network, options.weights, options.size)
    tiers = Tiers(options.slow.absolute(), (options.fast or options.slow).absolute())
    with ExitStack() as resources:
        version = resources.enter_context(open_version(tiers, options.dataset, number=options.version))
        encoder, origin = opened_encoder(tiers, choice, version, device=device, resources=resources)
        version.rows(encoder.size)
        extraction = Extraction(
            options.dataset,
            version,
            encoder,
            origin,
            device,
            asked_size=options.size,
            precision=options.precision,
            batch_size=options.batch_size,
        )
        name = options.name or features_name(options.dataset, origin.name)
        folder = create_dataset(tiers.slow, name, kind=FEATURES)
        _carry_out(extraction, folder, options)


def _carry_out(extraction: Extraction, folder: DatasetFolder, options: argparse.Namespace) -> None:
    with (
        ProgressLines(options.report) as lines,
        named_disk_errors(folder.path, doing=f"{folder.name} was computed"),
        interruption_by_signals() as interruption,
        device_lock(extraction.device, folder.path, locks=options.locks, patience=patience_of(options, interruption)),
        dataset_lock(folder),
        scratch_folder(folder) as scratch,
    ):
        found = extract(extraction, folder, scratch, interruption=interruption, report=lines.show)
        lines.end(version=found.version.number, is_new=found.is_new, computed=found.computed)


def opened_encoder(
    tiers: Tiers,
    choice: EncoderChoice,
    version: OpenVersion[Version],
    *,
    device: torch.device,
    resources: ExitStack,
) -> tuple[ImageEncoder, EncoderOrigin]:
    """Return the encoder that a person chose, on the device, and where it comes from; a model is held by `resources`.

    Raises:
        ValueError: the model gives no vectors, the network does not exist, or its size has to be named.
        UnknownDataset: there is no such model.
    """
    if choice.model is not None:
        opened = resources.enter_context(open_model(tiers, choice.model))
        recipe = recipe_named(opened.lineage.recipe)
        config = resolved(recipe, file=opened.config).recipe
        encoder = recipe.image_encoder(config, opened.weights, device=device)
        return encoder, model_origin(opened, choice.name)
    assert choice.network is not None
    assert choice.weights is not None
    backbone, size = make_backbone(choice.network, choice.weights), _size(choice, version)
    if size < backbone.least_side:
        raise ValueError(f"{choice.network} takes pictures of at least {backbone.least_side} pixels, got {size}")
    encoder = NetworkEncoder(backbone, size, backbone.dimensions, device)
    return encoder, network_origin(choice.network, choice.weights)


def _size(choice: EncoderChoice, version: OpenVersion[Version]) -> int:
    """Return the side of the pictures that a network shall see: that which was asked for, or the only one there is."""
    if choice.size is None and len(version.sides) > 1:
        known = ", ".join(map(str, version.sides))
        raise ValueError(f"the rows have several sizes, {known}: say with --size which {choice.network} shall see")
    return choice.size or max(version.sides)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m training features", description="Publish a vector for each row of a version, made by an encoder."
    )
    parser.add_argument("dataset", help="prepared images")
    parser.add_argument("--version", type=int, help="number of its version; the current one by default")
    parser.add_argument("--slow", type=Path, required=True, help="root on the large disk")
    parser.add_argument("--fast", type=Path, help="root on the quick disk")
    parser.add_argument("--model", help="registered model: name, name@current or name@VERSION")
    parser.add_argument("--network", help=f"instead of a model: {', '.join(BACKBONES)}")
    parser.add_argument("--weights", type=Path, help="file of weights for the network")
    parser.add_argument("--size", type=int, help="side in pixels of the rows that the network sees")
    parser.add_argument("--name", help="dataset of features; features-DATASET-MODEL by default")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", choices=get_args(Precision), default="float32", help="(default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="rows at a time (default: %(default)s)")
    parser.add_argument("--cpu-threads", type=int, help="threads of torch; as many as there are cores by default")
    parser.add_argument("--report", type=Path, help="file to add lines of JSON to; standard output by default")
    add_lock_options(parser)
    return parser
