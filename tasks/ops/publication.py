"""From finished receipts to a published version with its card, its report and its spare."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.plans import Plan
from storage.publishing import publish
from storage.reading import OpenVersion
from storage.receipts import StoredObject, is_present
from storage.spares import ensure_spare, restored_from_spare
from storage.tiers import Tiers
from storage.versions import Version, current_version
from tasks.ops.prepare_report import BuildFigures, card_markdown, sample_sheet
from tasks.ops.refusal_report import REPORT, Refusals, report_refused, require_few_refused
from tasks.ops.version_assembly import draft_version


@dataclass(frozen=True, slots=True)
class Published:
    """The version that holds the content of a finished plan, whether this run made it, and what was refused."""

    version: Version
    is_new: bool
    refusals: Refusals


def publish_plan(
    tiers: Tiers,
    plan: Plan,
    shuffled: pa.Table,
    *,
    scratch: Path,
    built_on: int | None,
    max_refused: float,
    figures: BuildFigures,
    set_aside: tuple[str, ...] = (),
) -> Published:
    """Publish what the receipts of `plan` prove. The card tells of classes that were `set_aside` before.

    Raises:
        TooManyRefused: more than the share `max_refused` of the inputs was refused; the report is written.
        VersionConflict: another run published other content meanwhile.
    """
    folder = tiers.authority(plan.dataset)
    refusals = report_refused(folder, plan, scratch)
    require_few_refused(refusals, max_refused)
    draft = draft_version(folder, plan, shuffled, scratch, built_on=built_on, report=scratch / REPORT)
    refusals = replace(refusals, report=folder.objects / draft.report.name)
    current = current_version(folder)
    if current is None or current.identity != draft.identity:
        # The card of a version that will not be published would be garbage.
        draft = replace(draft, card=_stored_card(tiers, plan.dataset, draft, refusals, figures, set_aside, scratch))
    version, is_new = publish(folder, draft)
    _bring_back_card(folder, version, scratch)
    ensure_spare(folder, version, scratch)
    # The version holds its own copy.
    folder.refused(plan.identity).unlink(missing_ok=True)
    return Published(version, is_new, replace(refusals, report=folder.objects / version.report.name))


def card_of(folder: DatasetFolder, version: Version) -> Path:
    """Return the path of a version's card, Markdown."""
    if version.card is None:
        raise ValueError(f"version {version.number} of {folder.name} was published without a card")
    return folder.objects / version.card.name


def _stored_card(
    tiers: Tiers,
    dataset: str,
    draft: Version,
    refusals: Refusals,
    figures: BuildFigures,
    set_aside: tuple[str, ...],
    scratch: Path,
) -> StoredObject:
    with OpenVersion(tiers, dataset, draft, access="sequential", check=True) as opened:
        sheet = sample_sheet(opened)
    path = scratch / "card.md"
    card = card_markdown(tiers, dataset, draft, refusals, figures, sheet, set_aside=set_aside)
    path.write_text(card, encoding="utf-8")
    return store_object(tiers.authority(dataset), path, prefix="card", suffix=".md")


def _bring_back_card(folder: DatasetFolder, version: Version, scratch: Path) -> None:
    """Take a lost card from the spare: all else of a version comes back when it is built again."""
    if version.card is not None and not is_present(folder, version.card):
        restored_from_spare(folder, version.card, scratch)
