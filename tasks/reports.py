"""Artifacts of a prepared version: the card, and the refused images as a table."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from storage import Tiers, open_version
from storage.durable import write_durably
from storage.versions import Version
from tasks.ops.prepare_report import BuildFigures, card_markdown, sample_sheet
from tasks.ops.version_assembly import Refusals
from tasks.progress import artifact_key


@task(name="report-version", cache_policy=NO_CACHE)
def report_version(tiers: Tiers, dataset: str, version: Version, refusals: Refusals, figures: BuildFigures) -> Path:
    """Write the card beside the version and as an artifact, and the table of refused images; return its path."""
    with open_version(tiers, dataset, number=version.number, access="sequential") as opened:
        sheet = sample_sheet(opened)
    text = card_markdown(tiers, dataset, version, refusals, figures, sheet)
    card = tiers.authority(dataset).card(version.number)
    write_durably(card, text.encode("utf-8"))
    key = artifact_key(dataset)
    create_markdown_artifact(text, key=f"{key}-card", description=f"{dataset}, version {version.number}")
    rows = [
        {"image": refused.name, "reason": refused.reason.value, "detail": refused.detail} for refused in refusals.first
    ]
    create_table_artifact(rows, key=f"{key}-refused", description=f"Refused images; all of them: {refusals.report}")
    return card
