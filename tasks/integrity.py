"""Checks of published datasets, as Prefect tasks."""

from __future__ import annotations

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from storage.tiers import Tiers
from storage.verification import Verification, verified
from tasks.ops.integrity_report import summary_line, verification_markdown
from tasks.progress import artifact_key


@task(name="check-dataset", cache_policy=NO_CACHE)
def check_dataset(tiers: Tiers, dataset: str, *, share: float, seed: int) -> Verification:
    """Compare what is on disk with what was published, and show what was found on Prefect's pages."""
    found = verified(tiers, dataset, share=share, seed=seed)
    create_markdown_artifact(
        verification_markdown(found, share=share),
        key=f"{artifact_key(dataset)}-verification",
        description=summary_line(found),
    )
    return found
