"""Prints word maps, neighbours and comparisons, for a person or, as JSON, for a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flows.lines import as_text, say
from tasks.ops.word_lookup import Comparison, Nearness

if TYPE_CHECKING:
    # It imports Prefect, which takes a second, and asking for neighbours needs none of it.
    from flows.build_word_maps import WordOutcome

GLOSS = 70
"""Letters of a gloss that a line has room for."""


def print_words(outcome: WordOutcome, *, as_json: bool) -> None:
    """Tell which version holds the maps, and how many nouns and classes each rule matched."""
    version = outcome.version
    if as_json:
        facts = {
            "status": outcome.status,
            "name": outcome.name,
            "version": version.number,
            "identity": version.identity,
            "bytes": version.bytes,
            "coverage": outcome.coverage,
            "checked": outcome.checked,
            "card": str(outcome.card),
        }
        typer.echo(as_text(facts))
        return
    told = "nothing to do, version {} holds these maps" if outcome.status == "unchanged" else "published version {}"
    say(f"{outcome.name}: {told.format(version.number)}")
    for what, counts in outcome.coverage.items():
        matched = ", ".join(f"{count:,} by {rule}" for rule, count in counts.items() if count)
        say(f"  {what:<9} {matched}")
    if outcome.checked is not None:
        checked = outcome.checked
        say(f"  relations {len(checked.held)} of {len(checked.held) + len(checked.broken)} hold")
        say(
            f"  agreement with Wu–Palmer similarity {checked.mixed_correlation:.2f} over {checked.pairs:,} pairs, "
            f"{checked.random_correlation:.2f} over the random half alone"
        )
    say(f"  identity  {version.identity[:16]}")
    say(f"  bytes     {version.bytes / 1e6:,.1f} MB")
    say(f"  card      {outcome.card}")
    if outcome.name == "words":
        say("Ask them: imagemill words near golden_retriever, imagemill words compare pug dog (with the same roots)")


def print_neighbours(found: Nearness, *, as_json: bool) -> None:
    """List nouns with their cosines and what they mean."""
    if as_json:
        typer.echo(as_text(found))
        return
    say(f"{found.word}: {'; '.join(_short(sense.gloss) for sense in found.senses[:3]) or 'a word, but no noun'}")
    if len(found.senses) > 1:
        say(f"  one vector stands for its {len(found.senses)} meanings")
    for noun in found.nouns:
        say(f"  {noun.cosine:5.2f}  {noun.name:<28} {noun.branch:<14} {_short(noun.gloss)}")


def print_comparison(found: Comparison, *, as_json: bool) -> None:
    """Tell how near two words are."""
    if as_json:
        typer.echo(as_text(found))
        return
    say(
        f"{found.first} and {found.second}: cosine {found.cosine:.2f}; "
        f"{found.nearer:,} of {found.nouns:,} nouns are nearer to {found.first}"
    )


def _short(gloss: str) -> str:
    definition = gloss.partition('; "')[0]
    return definition if len(definition) <= GLOSS else f"{definition[: GLOSS - 1]}…"
