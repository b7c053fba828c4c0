"""The flow from a folder of images to a published version."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from prefect import flow

from flows.image_job import ImageJob
from storage.datasets import create_dataset
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.plans import Plan, PlannedShard, PlanSettings, SourceTree, read_plan, read_shuffled
from storage.receipts import find_receipt, is_present
from storage.scratch import scratch_folder
from storage.tiers import require_space
from storage.versions import Version, current_version
from tasks.images import Lot, build_lot, list_images, plan_images, publish_version, stage_version
from tasks.ops.decode import COLOUR_POLICY
from tasks.ops.pixel_libraries import pixel_libraries
from tasks.ops.planning import Former, needed_bytes, predecessors, same_listing
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.selection import read_manifest
from tasks.ops.shard_building import ShardJob
from tasks.ops.version_assembly import Refusals, refusals_of
from tasks.progress import ImageProgress
from tasks.reports import report_version

logger = logging.getLogger(__name__)

IMAGES_PER_LOT = 30_000
"""For each worker: about a minute of work, beside which the cost of a Prefect task is nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the version that stands now, and what it took to get there."""

    status: str
    dataset: str
    version: Version
    refusals: Refusals
    figures: BuildFigures
    card: Path


@flow(name="prepare-images")
def prepare_images(job: ImageJob) -> Outcome:
    """List, shuffle, resize and publish the images of `job.source`; do nothing when nothing changed."""
    folder = open_dataset(job)
    with dataset_lock(folder), scratch_folder(folder) as scratch:
        manifest = read_manifest(job.manifest) if job.manifest else None
        source = SourceTree(str(job.source.absolute()), str(job.labels.absolute()) if job.labels else None)
        settings = job.plan_settings(manifest, colour_policy=COLOUR_POLICY, libraries=pixel_libraries())
        listing = list_images(source, manifest=manifest, limit=job.limit, seed=job.seed)
        current = current_version(folder)
        former = former_of(folder, current, settings)
        if current and former and same_listing(listing, former) and is_whole(folder, current):
            return unchanged(job, folder, former.plan, current)
        plan, shuffled = plan_images(folder, listing, former, source=source, settings=settings)
        figures = build_missing(job, folder, plan, shuffled, former, scratch)
        version, is_new, refusals = publish_version(
            folder,
            plan,
            shuffled,
            scratch,
            built_on=current.number if current else None,
            max_refused=job.max_refused,
        )
        stage_for_reading(job, version)
        card = report_version(job.tiers, job.dataset, version, refusals, figures)
    status = "published" if is_new else "unchanged"
    return Outcome(status, job.dataset, version, refusals, figures, card)


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


def former_of(folder: DatasetFolder, current: Version | None, settings: PlanSettings) -> Former | None:
    """Return what the current version was planned from, if a plan with `settings` may build on it."""
    if current is None:
        return None
    try:
        plan = read_plan(folder, current.plan)
        shuffled = read_shuffled(folder, current.plan)
    except (DamagedDataset, FileNotFoundError) as error:
        # Receipts still say what is done; only the arrangement of former shards is lost.
        logger.warning("planning afresh, the plan of version %d is lost: %s", current.number, error)
        return None
    return Former(plan, shuffled) if plan.settings == settings else None


def is_whole(folder: DatasetFolder, version: Version) -> bool:
    """Tell whether every object and receipt of a version is on disk; the objects' content is for `verify`."""
    receipts = (find_receipt(folder, shard.key) for shard in version.shards)
    proved = all(
        receipt is not None and receipt.identity == shard.identity
        for receipt, shard in zip(receipts, version.shards, strict=True)
    )
    return proved and all(is_present(folder, stored) for stored in version.objects)


def stage_for_reading(job: ImageJob, version: Version) -> None:
    """Copy what the fast root lacks of a version, if the job wants it there."""
    if job.access == "random" and job.tiers.is_split:
        stage_version(job.tiers, job.dataset, version)


def build_missing(
    job: ImageJob, folder: DatasetFolder, plan: Plan, shuffled: pa.Table, former: Former | None, scratch: Path
) -> BuildFigures:
    """Build the shards that have no receipt, lot by lot, and tell what it took."""
    missing = tuple(shard for shard in plan.shards if find_receipt(folder, shard.key) is None)
    require_space(folder.path, needed_bytes(plan, missing), purpose=f"the arrays of {job.dataset}")
    jobs = shard_jobs(folder, plan, shuffled, missing, predecessors(plan, shuffled, former), scratch)
    with ImageProgress(job.dataset, sum(shard.count for shard in missing)) as progress:
        for lot in lots_of(jobs, images=IMAGES_PER_LOT * job.workers):
            build_lot(lot, job.workers, on_receipt=progress.add)
    return BuildFigures(progress.done, progress.seconds, progress.cpu_seconds)


def shard_jobs(
    folder: DatasetFolder,
    plan: Plan,
    shuffled: pa.Table,
    shards: tuple[PlannedShard, ...],
    former_keys: dict[str, str],
    scratch: Path,
) -> Iterator[ShardJob]:
    """Yield what a worker needs to know to build each of `shards`."""
    for shard in shards:
        rows = shuffled.slice(shard.first, shard.count)
        yield ShardJob(
            folder=folder,
            scratch=scratch,
            source=Path(plan.source.root),
            parameters=plan.settings.parameters,
            key=shard.key,
            names=tuple(rows["name"].to_pylist()),
            labels=tuple(rows["label"].to_pylist()),
            sizes=tuple(rows["size"].to_pylist()),
            mtimes_ns=tuple(rows["mtime_ns"].to_pylist()),
            predecessor=former_keys.get(shard.key),
        )


def lots_of(jobs: Iterator[ShardJob], *, images: int) -> Iterator[Lot]:
    """Group shards into lots of at least `images` images, the last one perhaps smaller."""
    lot: list[ShardJob] = []
    number = held = 0
    for job in jobs:
        lot.append(job)
        held += len(job)
        if held >= images:
            yield Lot(f"{number:04d}", tuple(lot))
            lot, number, held = [], number + 1, 0
    if lot:
        yield Lot(f"{number:04d}", tuple(lot))


def unchanged(job: ImageJob, folder: DatasetFolder, plan: Plan, current: Version) -> Outcome:
    """Return the outcome of a run that found nothing to build; a card or copies that are missing are made."""
    nothing = BuildFigures(0, 0.0, 0.0)
    refusals = refusals_of(folder, plan)
    stage_for_reading(job, current)
    card = folder.card(current.number)
    if not card.is_file():
        report_version(job.tiers, job.dataset, current, refusals, nothing)
    return Outcome("unchanged", plan.dataset, current, refusals, nothing, card)
