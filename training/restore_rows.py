"""`python -m training restore-rows DATASET --model gan-generator`: restored rows of pairs, published for a critic.

How far it is comes as lines of JSON, {"rows", "of", "computed"}, at the end {"version", "is_new", "computed"}.
Asked to stop by SIGTERM, it does after the shard in hand, with exit code 75: the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from storage.datasets import create_dataset
from storage.errors import named_disk_errors
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.pair_versions import PAIRS
from storage.reading import open_pairs
from storage.scratch import scratch_folder
from storage.tiers import Tiers
from tasks.ops.row_restorer import RowRestorer
from training.device_lock import add_lock_options, device_lock, patience_of
from training.devices import device_named
from training.interruption import interruption_by_signals
from training.progress_lines import ProgressLines
from training.restorers import RESTORING
from training.row_restoring import Restoring, publish_restored
from training.starting_models import starting_model


def restore_rows(arguments: Sequence[str]) -> None:
    """Carry out the command `restore-rows`."""
    options = _parser().parse_args(arguments)
    device = device_named(options.device, local_rank=0)
    if options.cpu_threads is not None:
        torch.set_num_threads(options.cpu_threads)
    tiers = Tiers(options.slow.absolute(), (options.fast or options.slow).absolute())
    with ExitStack() as resources:
        pairs = resources.enter_context(open_pairs(tiers, options.dataset, number=options.version, access="sequential"))
        model = starting_model(tiers, options.model, recipes=RESTORING, resources=resources)
        restoring = Restoring(
            tiers,
            options.dataset,
            pairs,
            RowRestorer(model.reference, model.digest),
            model.recipe.module.load_enlarger(model.config, model.weights, device=device),
            device,
            batch_size=options.batch_size,
        )
        _ = restoring.plan  # refuses what does not fit before a dataset is made for it
        folder = create_dataset(tiers.slow, options.name or f"{options.dataset}-restored", kind=PAIRS)
        _carry_out(restoring, folder, options)


def _carry_out(restoring: Restoring, folder: DatasetFolder, options: argparse.Namespace) -> None:
    with (
        ProgressLines() as lines,
        named_disk_errors(folder.path, doing=f"{folder.name} was made"),
        interruption_by_signals() as interruption,
        device_lock(restoring.device, folder.path, locks=options.locks, patience=patience_of(options, interruption)),
        dataset_lock(folder),
        scratch_folder(folder) as scratch,
    ):
        found = publish_restored(restoring, folder, scratch, interruption=interruption, report=lines.show)
        lines.end(version=found.version.number, is_new=found.is_new, computed=found.computed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m training restore-rows", description="Publish what a model makes of the bad rows of pairs."
    )
    parser.add_argument("dataset", help="pairs")
    parser.add_argument("--version", type=int, help="number of their version; the current one by default")
    parser.add_argument("--model", default="gan-generator", help="name, name@current or name@3 (default: %(default)s)")
    parser.add_argument("--name", help="dataset that is made; DATASET-restored by default")
    parser.add_argument("--slow", type=Path, required=True, help="root on the large disk")
    parser.add_argument("--fast", type=Path, help="root on the quick disk")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--batch-size", type=int, default=32, help="rows at a time (default: %(default)s)")
    parser.add_argument("--cpu-threads", type=int, help="threads of torch; as many as there are cores by default")
    add_lock_options(parser)
    return parser
