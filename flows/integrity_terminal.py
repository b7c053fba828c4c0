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
    from tasks.ops.shard_rerun import Rerun


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


def print_rerun(done: Rerun, *, as_json: bool) -> None:
    """Tell which shards came out as they were published, which were damaged, and which are others now and why."""
    if as_json:
        typer.echo(as_text(done))
        return
    chosen = len(done.same) + len(done.restored) + len(done.different)
    say(
        f"{done.dataset}: {chosen} of the {done.shards} shards of version {done.number} built again: "
        f"{len(done.same)} the same to the bit, {len(done.restored)} restored, {len(done.different)} not the same"
    )
    for place, paths in sorted(done.restored.items()):
        say(f"  restored  shard {place}: {', '.join(map(str, paths))} was damaged or gone, rebuilt from the images")
    for place, why in sorted(done.different.items()):
        say(f"  differs   shard {place}: {why}")
    if done.different:
        say(f"  → version {done.number} stays what it was. A source that has changed becomes a new version by")
        say("    imagemill prepare (with --rehash, if its size and time are as they were); where the same sources")
        say("    give other bytes and no library is named, suspect this machine, or the one that built them")


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
