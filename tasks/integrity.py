"""Checks of published datasets, and the removal of what they no longer need, as Prefect tasks."""

from __future__ import annotations

import logging
from datetime import timedelta

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from storage.check_notes import note_check
from storage.collection import Collection, collect, planned_collection
from storage.errors import DatasetLocked
from storage.layout import DatasetFolder
from storage.tiers import Tiers
from storage.verification import Verification, verified
from tasks.ops.integrity_report import collection_markdown, summary_line, verification_markdown
from tasks.progress import artifact_key

logger = logging.getLogger(__name__)


@task(name="check-dataset", cache_policy=NO_CACHE)
def check_dataset(tiers: Tiers, dataset: str, *, share: float, seed: int) -> Verification:
    """Compare what is on disk with what was published, and show what was found on Prefect's pages."""
    found = verified(tiers, dataset, share=share, seed=seed)
    note_check(tiers.authority(dataset), found, share=share)
    create_markdown_artifact(
        verification_markdown(found, share=share),
        key=f"{artifact_key(dataset)}-verification",
        description=summary_line(found),
    )
    return found


@task(name="collect-of-dataset", cache_policy=NO_CACHE)
def collect_of_dataset(folder: DatasetFolder, *, keep: int | None, grace: timedelta, apply: bool) -> Collection | None:
    """Clear out a dataset, or say what would go; None where a run is at work on it, which the next round finds idle."""
    try:
        done = (collect if apply else planned_collection)(folder, keep=keep, grace=grace)
    except DatasetLocked as error:
        logger.warning("%s is passed over: %s", folder.name, error)
        return None
    create_markdown_artifact(
        collection_markdown(done, applied=apply),
        key=f"{artifact_key(folder.name)}-garbage",
        description=f"{folder.name}: what nothing needs any more",
    )
    return done
