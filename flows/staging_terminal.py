"""Prints what stage and unstage did, for a person or, as JSON, for a machine."""

from __future__ import annotations

import typer

from flows.lines import as_text, say
from flows.terminal import fast_line
from storage.staging import FastUsage, Staged, Unstaged
from storage.tiers import Tiers


def print_staged(dataset: str, number: int, staged: Staged, usage: FastUsage, tiers: Tiers, *, as_json: bool) -> None:
    """Tell what was copied, what was there, and what had to go for it."""
    if as_json:
        typer.echo(as_text({"dataset": dataset, "version": number, "staged": staged, "fast": usage}))
        return
    if not tiers.is_split:
        say(f"{dataset}: nothing to do, {tiers.slow} is both the slow and the fast root")
        return
    say(
        f"{dataset}: version {number} is on the fast root, {megabytes(staged.copied)} copied, "
        f"{megabytes(staged.present)} were there"
    )
    if staged.evicted:
        say(f"  {megabytes(staged.evicted)} that were not used for longest made room")
    say(f"  {fast_line(usage)}")


def print_unstaged(dataset: str, unstaged: Unstaged, usage: FastUsage, *, as_json: bool) -> None:
    """Tell what was removed, and what stayed because a reader holds it."""
    if as_json:
        typer.echo(as_text({"dataset": dataset, "unstaged": unstaged, "fast": usage}))
        return
    say(f"{dataset}: {megabytes(unstaged.removed)} removed from the fast root")
    if unstaged.held_names:
        say(
            f"  {len(unstaged.held_names)} copies ({megabytes(unstaged.held)}) stayed, readers hold them; "
            "once they are closed, the same command removes them"
        )
    say(f"  {fast_line(usage)}")


def megabytes(count: int) -> str:
    """Return bytes as megabytes for a person."""
    return f"{count / 1e6:,.1f} MB"
