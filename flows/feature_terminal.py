"""Prints what became of features, for a person or, as JSON, for a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flows.lines import as_text, say

if TYPE_CHECKING:
    from flows.extract_features import FeatureOutcome


def print_features(outcome: FeatureOutcome, *, as_json: bool) -> None:
    """Tell which version holds the vectors, how many there are, and what made them."""
    version, facts = outcome.version, outcome.facts
    if as_json:
        told = {
            "status": outcome.status,
            "name": outcome.name,
            "version": version.number,
            "identity": version.identity,
            "bytes": version.bytes,
            "computed": outcome.computed,
            "features": facts,
            "card": outcome.card,
        }
        typer.echo(as_text(told))
        return
    told = "nothing to do, version {} holds these vectors" if outcome.status == "unchanged" else "published version {}"
    say(f"{outcome.name}: {told.format(version.number)}")
    say(f"  vectors   {sum(facts.rows):,} of {facts.dimensions:,} numbers, {version.bytes / 1e6:,.1f} MB")
    say(f"  rows      {facts.source.dataset}, version {facts.source.number}, at {facts.size} pixels")
    say(f"  encoder   {facts.encoder}, computed in {facts.precision}")
    say(f"  shards    {outcome.computed} of {len(facts.rows)} computed by this run")
    say(f"  card      {outcome.card}")
