"""Prints class splits, for a person or, as JSON, for a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flows.lines import as_text, say

if TYPE_CHECKING:
    from flows.split_classes import SplitOutcome


def print_splits(outcome: SplitOutcome, *, as_json: bool) -> None:
    """Tell which version holds the splits, and how many classes each has on either side."""
    version = outcome.version
    if as_json:
        facts = {
            "status": outcome.status,
            "name": outcome.name,
            "version": version.number,
            "identity": version.identity,
            "bytes": version.bytes,
            "splits": outcome.splits,
            "card": str(outcome.card),
        }
        typer.echo(as_text(facts))
        return
    told = "nothing to do, version {} holds these splits" if outcome.status == "unchanged" else "published version {}"
    say(f"{outcome.name}: {told.format(version.number)}")
    for number, counts in outcome.splits.items():
        say(
            f"  split {number:<3} {counts.seen:,} seen, {counts.unseen:,} unseen, {counts.set_aside:,} set aside; "
            f"nouns within 2 hops {counts.within_2_hops:,}, within 3 {counts.within_3_hops:,}"
        )
    say(f"  identity  {version.identity[:16]}")
    say(f"  card      {outcome.card}")
