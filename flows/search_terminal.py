"""Prints what a search found, for a person or, as JSON, for a machine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import typer

from flows.lines import as_text, say
from flows.terminal import print_table
from tasks.ops.search_lines import found_lines, question_lines, searched_line, short_gloss
from tasks.ops.search_results import Hit, NounHit, SearchResult

BAR = 12
"""Letters that a cosine of 1 is long."""


def print_result(result: SearchResult, sheet: Path | None, *, as_json: bool) -> None:
    """List what was found, the likeliest or the nearest first, with what was asked for above."""
    if as_json:
        facts = {"question": result.title, "sheet": sheet, **msgspec.to_builtins(result)}
        typer.echo(as_text(facts))
        return
    for line in (*question_lines(result), *found_lines(result)):
        say(line)
    if result.photo:
        print_nouns(result.nouns, result.photo)
    columns = ("", "cosine", "share", "class", "training", "row", "file")
    print_table(searched_line(result.searched), columns, list(map(_hit_row, result.hits)))
    if sheet is None:
        say("to see the pictures: the same command with -o sheet.png")
    else:
        say(f"{sheet}: the {len(result.hits)} pictures")


def print_nouns(nouns: tuple[NounHit, ...], photo: str) -> None:
    """List the nouns near a picture; a class of the dataset has a mark."""
    rows = [
        (bar(noun.cosine), f"{noun.cosine:.2f}", noun.label.replace("_", " "), noun.wnid, _kind(noun), _meaning(noun))
        for noun in nouns
    ]
    print_table(photo, ("", "cosine", "noun", "wnid", "", "meaning"), rows)


def bar(cosine: float) -> str:
    """Return a cosine as a bar of at most `BAR` letters, in steps of an eighth; nothing for one below 0."""
    eighths = round(8 * BAR * min(max(cosine, 0.0), 1.0))
    return "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]


def _hit_row(hit: Hit) -> tuple[str, ...]:
    share = "" if hit.share is None else f"{hit.share:.0%}"
    label = hit.label.replace("_", " ")
    return bar(hit.cosine), f"{hit.cosine:.2f}", share, label, hit.role or "-", str(hit.row), hit.path


def _kind(noun: NounHit) -> str:
    return "class" if noun.is_class else ""


def _meaning(noun: NounHit) -> str:
    return f"{noun.branch}: {short_gloss(noun.gloss)}"
