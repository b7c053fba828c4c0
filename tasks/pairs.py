"""From a published version to published pairs, as Prefect tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from storage.layout import DatasetFolder
from storage.pair_versions import PairVersion
from storage.reading import OpenVersion
from storage.receipts import Receipt
from storage.tiers import Tiers
from storage.versions import Version
from tasks.lots import Lot, Runner, build_shards_of
from tasks.ops.pair_building import PairShardJob, build_pair_shard
from tasks.ops.pair_publication import PairPlan, publish_pairs
from tasks.ops.pair_recipe import PairRecipe
from tasks.ops.prepare_report import BuildFigures
from tasks.progress import artifact_key


@task(name="build-pairs", task_run_name="build-pairs-{lot.name}", cache_policy=NO_CACHE)
def build_pair_lot(lot: Lot[PairShardJob], runner: Runner, *, on_receipt: Callable[[Receipt], None]) -> int:
    """Make the pairs of the shards of `lot` that have no receipt yet; return how many it went through."""
    return build_shards_of(lot, runner, work=build_pair_shard, on_receipt=on_receipt)


@task(name="publish-pairs", cache_policy=NO_CACHE)
def publish_pair_version(
    tiers: Tiers,
    folder: DatasetFolder,
    plan: PairPlan[PairRecipe],
    opened: OpenVersion[Version],
    figures: BuildFigures,
    scratch: Path,
) -> tuple[PairVersion, bool]:
    """Publish what the receipts of `plan` prove; return the version, and whether it is new."""
    return publish_pairs(tiers, folder, plan, opened, figures, scratch=scratch)


@task(name="report-pairs", cache_policy=NO_CACHE)
def report_pairs(dataset: str, card: Path) -> None:
    """Show the card of a version of pairs on Prefect's pages."""
    key = f"{artifact_key(dataset)}-card"
    create_markdown_artifact(card.read_text(encoding="utf-8"), key=key, description=f"{dataset}: {card}")
