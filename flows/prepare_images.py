"""The flow from a folder of images to a published version."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from prefect import flow

from flows.announcement import announce
from flows.image_job import ImageJob
from flows.run_log import run_log
from storage.datasets import create_dataset
from storage.errors import named_disk_errors
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.plans import Plan, SourceTree
from storage.receipts import Receipt, find_receipt
from storage.scratch import scratch_folder
from storage.space import reserved
from storage.spares import ensure_spare
from storage.versions import Version, current_version
from tasks.images import build_lot, list_images, plan_images, publish_version, rehash_images, require_vectors
from tasks.lots import lots_of
from tasks.ops.decode import COLOUR_POLICY
from tasks.ops.former_version import former_of, is_whole
from tasks.ops.pixel_libraries import pixel_libraries
from tasks.ops.planning import Former, needed_bytes, predecessors, same_listing
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.publication import card_of
from tasks.ops.refusal_report import Refusals, refusals_of
from tasks.ops.selection import read_manifest, sampled
from tasks.ops.shard_jobs import shard_jobs
from tasks.progress import ImageProgress
from tasks.reports import report_version
from tasks.runners import shard_runner
from tasks.staging import stage_for_reading

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the version that stands now, and what it took to get there."""

    status: str
    dataset: str
    version: Version
    refusals: Refusals
    figures: BuildFigures
    card: Path
    set_aside: tuple[str, ...]
    """The classes that were left out for lack of a word vector."""


@flow(name="prepare-images")
def prepare_images(job: ImageJob) -> Outcome:
    """List, shuffle, resize and publish the images of `job.source`; do nothing when nothing changed."""
    folder = open_dataset(job)
    with (
        run_log(folder, "prepare"),
        named_disk_errors(folder.path, doing=f"{job.dataset} was prepared"),
        dataset_lock(folder),
        scratch_folder(folder) as scratch,
    ):
        manifest = read_manifest(job.manifest) if job.manifest else None
        source = SourceTree(str(job.source.absolute()), str(job.labels.absolute()) if job.labels else None)
        settings = job.plan_settings(manifest, colour_policy=COLOUR_POLICY, libraries=pixel_libraries())
        # Before the listing: what another run publishes while this one lists is newer than what it finds.
        current = current_version(folder)
        listing, set_aside = chosen_images(job, source, manifest)
        former = former_of(folder, current, settings)
        if current and former and is_known(job, listing, former) and is_whole(folder, current):
            announce(job.tiers, folder, current.number)
            return unchanged(job, folder, former.plan, current, set_aside, scratch)
        plan, shuffled = plan_images(folder, listing, former, source=source, settings=settings)
        if job.rehash:
            rehash_images(folder, plan, shuffled, scratch=scratch, workers=job.workers)
        figures = build_missing(job, folder, plan, shuffled, former, scratch)
        published = publish_version(
            job.tiers,
            plan,
            shuffled,
            scratch=scratch,
            built_on=current.number if current else None,
            max_refused=job.max_refused,
            figures=figures,
            set_aside=set_aside,
        )
        version, card = published.version, card_of(folder, published.version)
        logger.info("version %d: %d stored, %d refused", version.number, version.stored, version.refused)
        stage_for_reading(job.tiers, job.dataset, version, access=job.access)
        report_version(job.dataset, card, published.refusals)
        announce(job.tiers, folder, version.number)
    status = "published" if published.is_new else "unchanged"
    return Outcome(status, job.dataset, version, published.refusals, figures, card, set_aside)


def is_known(job: ImageJob, listing: pa.Table, former: Former) -> bool:
    """Tell whether size and time of every image say that nothing changed, and the job takes their word for it."""
    return not job.rehash and same_listing(listing, former)


def chosen_images(
    job: ImageJob, source: SourceTree, manifest: tuple[str, ...] | None
) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the listing of the images that the job takes, and the classes that it sets aside."""
    listing, set_aside = list_images(source, manifest=manifest), ()
    if job.require_vector:
        listing, set_aside = require_vectors(job.tiers, listing, job.require_vector)
    return (listing if job.limit is None else sampled(listing, job.limit, seed=job.seed)), set_aside


def open_dataset(job: ImageJob) -> DatasetFolder:
    """Check the job's folders and make those of the dataset.

    Raises:
        ValueError: the source is not a folder, or a root cannot be written.
    """
    if not job.source.is_dir():
        raise ValueError(f"the source {job.source} is not a folder; it should be the one that holds the images")
    for root in (job.slow, job.fast):
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"the root {root} cannot be made: {error.strerror}; choose another folder") from error
    try:
        return create_dataset(job.slow, job.dataset)
    except PermissionError as error:
        raise ValueError(f"the root {job.slow} cannot be written: {error}; choose another folder") from error


def build_missing(
    job: ImageJob, folder: DatasetFolder, plan: Plan, shuffled: pa.Table, former: Former | None, scratch: Path
) -> BuildFigures:
    """Build the shards that have no receipt, lot by lot, and tell what it took."""
    missing = tuple(shard for shard in plan.shards if find_receipt(folder, shard.key) is None)
    logger.info("%d images in %d shards, %d of them to build", plan.listed, len(plan.shards), len(missing))
    jobs = shard_jobs(folder, plan, shuffled, missing, predecessors(plan, shuffled, former), scratch)
    images = sum(shard.count for shard in missing)
    with (
        reserved(job.slow, needed_bytes(plan, missing), purpose=f"the arrays of {job.dataset}") as room,
        shard_runner(
            job.runner,
            workers=job.workers,
            scheduler=job.dask_scheduler,
            folder=folder,
            scratch=scratch,
            reads=(Path(plan.source.root),),
            libraries=plan.settings.parameters.libraries,
            images=images,
        ) as runner,
        ImageProgress(job.dataset, images) as progress,
    ):

        def on_receipt(receipt: Receipt) -> None:
            progress.add(receipt)
            room.spend(receipt.bytes)

        for lot in lots_of(jobs, images=runner.images_per_task):
            build_lot(lot, runner, on_receipt=on_receipt)
    return BuildFigures(progress.done, progress.seconds, progress.cpu_seconds)


def unchanged(
    job: ImageJob, folder: DatasetFolder, plan: Plan, current: Version, set_aside: tuple[str, ...], scratch: Path
) -> Outcome:
    """Return the outcome of a run that found nothing to build; a spare or copies that are missing are made."""
    logger.info("nothing to do, version %d holds these images", current.number)
    refusals = refusals_of(folder, plan, report=folder.objects / current.report.name)
    ensure_spare(folder, current, scratch)
    stage_for_reading(job.tiers, job.dataset, current, access=job.access)
    nothing = BuildFigures(0, 0.0, 0.0)
    return Outcome("unchanged", plan.dataset, current, refusals, nothing, card_of(folder, current), set_aside)
