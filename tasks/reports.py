"""Artifacts of a prepared version: the card, and the refused images as a table; and of a run of several flows."""

from __future__ import annotations

from collections.abc import Sequence
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


@task(name="report-steps", cache_policy=NO_CACHE)
def report_steps(name: str, steps: Sequence[dict[str, str]]) -> None:
    """Show what became of the flows that a run called, as a table with a row for each."""
    create_table_artifact(
        list(steps), key=f"{artifact_key(name)}-steps", description=f"What became of the steps: {name}"
    )
