"""The flow from published images to published pairs: good images, and bad ones made of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from flows.announcement import announce
from flows.pair_job import PairJob
from flows.run_log import run_log
from storage.datasets import create_dataset
from storage.errors import UnknownDataset, named_disk_errors
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.pair_versions import PAIRS, PairVersion, current_pairs
from storage.reading import OpenVersion, open_version
from storage.receipts import Receipt
from storage.scratch import scratch_folder
from storage.space import reserved
from storage.spares import ensure_spare
from storage.versions import Version
from tasks.lots import lots_of
from tasks.ops.pair_publication import PairPlan, is_whole, pair_jobs, plan_pairs
from tasks.ops.pair_recipe import PairRecipe
from tasks.ops.prepare_report import BuildFigures
from tasks.pairs import build_pair_lot, publish_pair_version, report_pairs
from tasks.progress import ImageProgress
from tasks.runners import shard_runner
from tasks.staging import stage_for_reading

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PairOutcome:
    """How a run ended: the version that stands now, and what it took to get there."""

    status: str
    dataset: str
    version: PairVersion
    figures: BuildFigures
    card: Path


@flow(name="make-pairs")
def make_pairs(job: PairJob) -> PairOutcome:
    """Make a bad image of each image of a published version, and publish both; do nothing when nothing changed."""
    recipe = job.pair_recipe()
    dataset = job.dataset(recipe)
    with open_version(job.tiers, job.origin, number=job.version, access="sequential") as origin:
        plan = plan_pairs(origin.version, job.origin, recipe, side=chosen_side(job, origin))
        folder = create_dataset(job.slow, dataset, kind=PAIRS)
        with (
            run_log(folder, "pairs"),
            named_disk_errors(folder.path, doing=f"{dataset} was made"),
            dataset_lock(folder),
            scratch_folder(folder) as scratch,
        ):
            current = current_pairs(folder)
            if current and current.identity == plan.identity(origin.classes) and is_whole(folder, current):
                logger.info("nothing to do, version %d holds these pairs", current.number)
                ensure_spare(folder, current, scratch)
                stage_for_reading(job.tiers, dataset, current, access=job.access)
                announce(job.tiers, folder, current.number)
                return PairOutcome("unchanged", dataset, current, BuildFigures(0, 0.0, 0.0), card_of(folder, current))
            figures = build_missing(job, folder, plan, origin, scratch)
            version, is_new = publish_pair_version(job.tiers, folder, plan, origin, figures, scratch)
            logger.info("version %d: %d pairs", version.number, version.stored)
            stage_for_reading(job.tiers, dataset, version, access=job.access)
            report_pairs(dataset, card_of(folder, version))
            announce(job.tiers, folder, version.number)
    return PairOutcome("published" if is_new else "unchanged", dataset, version, figures, card_of(folder, version))


def chosen_side(job: PairJob, origin: OpenVersion[Version]) -> int:
    """Return the size of the good images.

    Raises:
        UnknownDataset: the origin was not published at the size that is asked for.
    """
    side = job.side or max(origin.sides)
    if side not in origin.sides:
        raise UnknownDataset(f"{job.origin} has no size {side}; it has: {', '.join(map(str, origin.sides))}")
    return side


def build_missing(
    job: PairJob, folder: DatasetFolder, plan: PairPlan[PairRecipe], origin: OpenVersion[Version], scratch: Path
) -> BuildFigures:
    """Make the pairs of the shards that have no receipt, lot by lot, and tell what it took."""
    jobs = list(pair_jobs(job.tiers, folder, plan, origin, scratch))
    total = sum(map(len, jobs))
    logger.info("%d pairs in %d shards, %d of them to make", len(origin), len(plan.keys), len(jobs))
    needed = total * plan.parameters.bad_side**2 * 3
    with (
        reserved(job.slow, needed, purpose=f"the bad images of {folder.name}") as room,
        shard_runner(
            job.runner,
            workers=job.workers,
            scheduler=job.dask_scheduler,
            folder=folder,
            scratch=scratch,
            reads=(job.tiers.authority(job.origin).objects,),
            libraries=plan.parameters.libraries,
            images=total,
        ) as runner,
        ImageProgress(folder.name, total) as progress,
    ):

        def on_receipt(receipt: Receipt) -> None:
            progress.add(receipt)
            # The good images take no room of their own.
            room.spend(sum(array.stored.bytes for array in receipt.arrays[1:]))

        for lot in lots_of(jobs, images=runner.images_per_task):
            build_pair_lot(lot, runner, on_receipt=on_receipt)
    return BuildFigures(progress.done, progress.seconds, progress.cpu_seconds)


def card_of(folder: DatasetFolder, version: PairVersion) -> Path:
    """Return the path of a version's card, Markdown."""
    return folder.objects / version.card.name
