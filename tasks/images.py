"""From a folder of images to a published version, as Prefect tasks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from storage.layout import DatasetFolder
from storage.plans import Plan, PlanSettings, SourceTree, write_plan
from storage.receipts import Receipt, find_receipt
from storage.tiers import Tiers
from storage.word_maps import open_word_maps
from tasks.lots import Lot, Runner, build_shards_of
from tasks.ops.labels_file import read_labels
from tasks.ops.listing import flat_stems, list_class_folders, list_flat_folder
from tasks.ops.planning import Former, make_plan
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.publication import Published, publish_plan
from tasks.ops.rehashing import rehashed
from tasks.ops.selection import chosen, with_vectors
from tasks.ops.shard_building import ShardJob, build_shard
from tasks.ops.shard_jobs import shard_jobs
from tasks.progress import StepProgress

logger = logging.getLogger(__name__)

SHOWN_CHANGED = 10
"""Names of changed images in a warning."""

# Receipts say what is done. Prefect's cache never looks at outputs: a deleted file would still count as done.


@task(name="list-images", cache_policy=NO_CACHE)
def list_images(source: SourceTree, *, manifest: tuple[str, ...] | None) -> pa.Table:
    """Return the listing of the inputs, of those in the manifest if there is one, sorted by name."""
    root = Path(source.root)
    if source.labels is None:
        listing = list_class_folders(root)
    else:
        listing = list_flat_folder(root, read_labels(Path(source.labels), flat_stems(root)))
    return listing if manifest is None else chosen(listing, manifest)


@task(name="require-vectors", cache_policy=NO_CACHE)
def require_vectors(tiers: Tiers, listing: pa.Table, words: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the inputs whose class has a vector in the word maps `words`, and the classes that are set aside."""
    with open_word_maps(tiers, words) as maps:
        kept, set_aside = with_vectors(listing, maps)
    if set_aside:
        logger.warning("%d classes without a word vector are set aside: %s", len(set_aside), ", ".join(set_aside[:20]))
    return kept, set_aside


@task(name="plan-images", cache_policy=NO_CACHE)
def plan_images(
    folder: DatasetFolder,
    listing: pa.Table,
    former: Former | None,
    *,
    source: SourceTree,
    settings: PlanSettings,
) -> tuple[Plan, pa.Table]:
    """Fix what the next version is made of, store it, and return the plan with its shuffled listing."""
    plan, shuffled = make_plan(listing, former, dataset=folder.name, source=source, settings=settings)
    write_plan(folder, plan, shuffled)
    return plan, shuffled


@task(name="rehash-images", cache_policy=NO_CACHE)
def rehash_images(folder: DatasetFolder, plan: Plan, shuffled: pa.Table, *, scratch: Path, workers: int) -> int:
    """Hash the sources of finished shards again; return how many changed unseen. Their shards are no longer done."""
    done = tuple(shard for shard in plan.shards if find_receipt(folder, shard.key) is not None)
    total = sum(shard.count for shard in done)
    changed, hashed = list[str](), 0
    with StepProgress(folder.name) as progress:
        for found in rehashed(shard_jobs(folder, plan, shuffled, done, {}, scratch), workers=workers):
            changed += found.changed
            hashed += found.inputs
            progress.show("hashing the sources again", hashed / max(total, 1))
    if changed:
        logger.warning(
            "other bytes in %d of %d images whose size and time are as they were; their shards are built again: %s",
            len(changed),
            hashed,
            ", ".join(sorted(changed)[:SHOWN_CHANGED]) + (" and more" if len(changed) > SHOWN_CHANGED else ""),
        )
    return len(changed)


@task(name="build-lot", task_run_name="build-{lot.name}", cache_policy=NO_CACHE)
def build_lot(lot: Lot[ShardJob], runner: Runner, *, on_receipt: Callable[[Receipt], None]) -> int:
    """Build the shards of `lot` that have no receipt yet; return how many it went through."""
    return build_shards_of(lot, runner, work=build_shard, on_receipt=on_receipt)


@task(name="publish-version", cache_policy=NO_CACHE)
def publish_version(
    tiers: Tiers,
    plan: Plan,
    shuffled: pa.Table,
    *,
    scratch: Path,
    built_on: int | None,
    max_refused: float,
    figures: BuildFigures,
    set_aside: tuple[str, ...],
) -> Published:
    """Publish what the receipts of `plan` prove; return the version, whether it is new, and the refused."""
    return publish_plan(
        tiers,
        plan,
        shuffled,
        scratch=scratch,
        built_on=built_on,
        max_refused=max_refused,
        figures=figures,
        set_aside=set_aside,
    )
