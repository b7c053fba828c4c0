"""Artifacts of a prepared version: the card, and the refused images as a table."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks.ops.refusal_report import Refusals
from tasks.progress import artifact_key


@task(name="report-version", cache_policy=NO_CACHE)
def report_version(dataset: str, card: Path, refusals: Refusals) -> None:
    """Show the card of a version on Prefect's pages, and the table of refused images."""
    key = artifact_key(dataset)
    create_markdown_artifact(card.read_text(encoding="utf-8"), key=f"{key}-card", description=f"{dataset}: {card}")
    rows = [
        {"image": refused.name, "reason": refused.reason.value, "detail": refused.detail} for refused in refusals.first
    ]
    create_table_artifact(rows, key=f"{key}-refused", description=f"Refused images; all of them: {refusals.report}")
