"""Prints what verify, repair and gc found and did, for a person or, as JSON, for a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flows.lines import as_text, say
from tasks.ops.integrity_report import summary_line

if TYPE_CHECKING:
    # Each command needs one of these, and the others' imports would take it half a second.
    from storage.collection import Collection
    from storage.verification import Verification
    from tasks.ops.repair import Repair


def print_verification(found: Verification, *, as_json: bool) -> None:
    """Tell the verdict, and each damaged file with the rows and classes that are lost with it."""
    if as_json:
        typer.echo(as_text(found))
        return
    say(summary_line(found))
    for damage in found.damages:
        say(f"  damaged   {damage}")
    for note in found.notes:
        say(f"  note      {note}")
    if found.damages:
        say(f"  → imagemill repair {found.dataset}, with the same roots, restores what can be restored")


def print_repair(done: Repair, *, as_json: bool) -> None:
    """Tell what is whole again and from what, and what is not and why."""
    if as_json:
        facts = {
            "dataset": done.dataset,
            "repaired": {str(path): how for path, how in done.repaired.items()},
            "unrepaired": {str(path): why for path, why in done.unrepaired.items()},
        }
        typer.echo(as_text(facts))
        return
    if not done.repaired and not done.unrepaired:
        say(f"{done.dataset}: whole, nothing to repair")
        return
    say(f"{done.dataset}: {len(done.repaired)} repaired, {len(done.unrepaired)} not")
    for path, how in done.repaired.items():
        say(f"  repaired  {path}: {how}")
    for path, why in done.unrepaired.items():
        say(f"  damaged   {path}: {why}")


def print_collection(done: Collection, *, applied: bool, as_json: bool) -> None:
    """Tell what nothing needs, where it went, and what was deleted."""
    if as_json:
        typer.echo(as_text({"applied": applied, "collection": done}))
        return
    for item in done.garbage:
        say(f"  {item.bytes / 1e6:10,.1f} MB  {item.path}  ({item.why})")
    for item in done.old_trash:
        say(f"  {item.bytes / 1e6:10,.1f} MB  {item.path}  ({item.why})")
    moved, deleted = sum(item.bytes for item in done.garbage), sum(item.bytes for item in done.old_trash)
    if not done.garbage and not done.old_trash:
        say(f"{done.dataset}: nothing to collect")
    elif applied:
        if done.batch:
            say(f"{done.dataset}: moved {moved / 1e6:,.1f} MB to {done.batch}, where `imagemill repair` still finds it")
        if done.old_trash:
            say(f"{done.dataset}: deleted {deleted / 1e6:,.1f} MB of older trash")
    else:
        say(
            f"{done.dataset}: {moved / 1e6:,.1f} MB would go to the trash, {deleted / 1e6:,.1f} MB of older trash "
            "would be deleted. Nothing was touched; to do it, add --apply"
        )
