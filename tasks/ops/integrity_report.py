"""What a check of a dataset found, as text and as Markdown. Pure."""

from __future__ import annotations

from storage.collection import Collection
from storage.damage import Damage
from storage.verification import Verification
from tasks.ops.markdown import code_span, markdown_table

SHOWN_GARBAGE = 50
"""Files and folders on a page, the largest; the command line shows all."""
SHOWN_DAMAGES = 50
"""Damaged files on a page; the command line shows all."""


def summary_line(found: Verification) -> str:
    """Return what was looked at and the verdict, in one line."""
    versions = ", ".join(map(str, found.versions)) or "none"
    verdict = "whole" if found.is_whole else f"{len(found.damages)} damaged"
    return (
        f"{found.dataset}: {verdict}; {found.files:,} files of version {versions} looked at, "
        f"{found.hashed_bytes / 1e6:,.1f} MB hashed"
    )


def verification_markdown(found: Verification, *, share: float) -> str:
    """Return the page of a check: the verdict, each damaged file with its rows and classes, and what to do."""
    lines = [f"# {found.dataset}: {'whole' if found.is_whole else 'damaged'}", "", summary_line(found) + "."]
    lines += ["", f"Share of the objects whose bytes were hashed: {share:.0%}."]
    if found.damages:
        header = ("file", "problem", "rows", "classes", "version")
        lines += ["", markdown_table(header, [_damage_row(damage) for damage in found.damages[:SHOWN_DAMAGES]])]
        if len(found.damages) > SHOWN_DAMAGES:
            lines += ["", f"And {len(found.damages) - SHOWN_DAMAGES} more."]
        lines += ["", f"To mend it: `imagemill repair {found.dataset}` with the same roots."]
    lines += [f"\n{note}" for note in found.notes]
    return "\n".join(lines) + "\n"


def collection_markdown(done: Collection, *, applied: bool) -> str:
    """Return the page of a round of garbage collection: what nothing needs, and whether it went."""
    moved, deleted = sum(item.bytes for item in done.garbage), sum(item.bytes for item in done.old_trash)
    verbs = (
        ("went to the trash", "of older trash deleted")
        if applied
        else ("would go to the trash", "of older trash would be deleted")
    )
    lines = [f"# {done.dataset}: garbage", "", f"{moved / 1e6:,.1f} MB {verbs[0]}, {deleted / 1e6:,.1f} MB {verbs[1]}."]
    found = sorted((*done.garbage, *done.old_trash), key=lambda item: -item.bytes)
    if found:
        rows = [(code_span(str(item.path)), f"{item.bytes / 1e6:,.1f}", item.why) for item in found[:SHOWN_GARBAGE]]
        lines += ["", markdown_table(("path", "MB", "why"), rows)]
    if len(found) > SHOWN_GARBAGE:
        lines += ["", f"And {len(found) - SHOWN_GARBAGE} smaller ones."]
    return "\n".join(lines) + "\n"


def _damage_row(damage: Damage) -> tuple[str, ...]:
    rows = ", ".join(f"{first}–{stop - 1}" for first, stop in damage.rows)
    cells = code_span(str(damage.path)), damage.problem.replace("|", "\\|"), rows, ", ".join(damage.classes)
    return (*cells, ", ".join(map(str, damage.versions)))
