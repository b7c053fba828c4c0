"""Prints results for a person or, as JSON, for a machine. Tables go to standard output, nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.lines import as_text, printable, say
from storage.staging import FastUsage
from storage.tiers import Tiers
from storage.versions import Version
from tasks.ops.machine_checks import Finding
from tasks.ops.prepare_report import SHOWN_REFUSED
from tasks.ops.refusal_report import Refusals

if TYPE_CHECKING:
    # These import Prefect, which takes a second, and most commands need none of it.
    from flows.demo import DemoResult
    from flows.prepare_images import Outcome


SHOWN_NAMES = 10


def print_outcome(outcome: Outcome, tiers: Tiers, *, as_json: bool) -> None:
    """Tell how a `prepare` run ended and where its arrays are."""
    if as_json:
        typer.echo(as_text(outcome_facts(outcome, tiers)))
        return
    version = outcome.version
    if outcome.status == "unchanged":
        say(f"{outcome.dataset}: nothing to do, version {version.number} holds these {version.listed:,} images")
    else:
        say(f"{outcome.dataset}: published version {version.number}")
    for line in outcome_lines(outcome, tiers):
        say(f"  {line}")


def outcome_lines(outcome: Outcome, tiers: Tiers) -> list[str]:
    """Return the facts of a run that a person wants, a line each."""
    version, figures = outcome.version, outcome.figures
    lines = [
        f"rows      {version.stored:,} stored + {version.refused:,} refused = {version.listed:,} listed",
        f"sizes     {', '.join(map(str, version.parameters.sides))} px, {version.parameters.array_format}",
        f"bytes     {version.bytes / 1e6:,.1f} MB in {len(version.shards)} shards",
        f"identity  {version.identity[:16]}",
        *(f"array     {path}" for path in array_paths(outcome.dataset, version, tiers)),
        f"card      {outcome.card}",
    ]
    if figures.images:
        lines.append(
            f"speed     {figures.images_per_second:,.0f} images/s, {figures.cpu_ms_per_image:.2f} CPU ms per image"
        )
    if outcome.set_aside:
        named = some_of(outcome.set_aside)
        lines.append(f"set aside {len(outcome.set_aside):,} classes without a word vector: {named}")
    return lines + refused_lines(outcome.refusals)


def some_of(names: tuple[str, ...]) -> str:
    """Return the first of many names, and how many more there are."""
    more = f" and {len(names) - SHOWN_NAMES:,} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def refused_lines(refusals: Refusals) -> list[str]:
    """Return the refused images with their reasons, a line each, and where the rest is to be found."""
    if not refusals.total:
        return []
    reasons = ", ".join(f"{count} {reason}" for reason, count in refusals.by_reason.items())
    shown = [
        f"          {refused.name}  {refused.reason}: {refused.detail}" for refused in refusals.first[:SHOWN_REFUSED]
    ]
    if refusals.total > len(shown):
        shown.append(f"          and {refusals.total - len(shown):,} more in that file")
    return [f"refused   {refusals.report} ({reasons})", *shown]


def array_paths(dataset: str, version: Version, tiers: Tiers) -> list[str]:
    """Return what any HDF5 program opens, or the folder of the objects where there are no joined files."""
    objects = tiers.authority(dataset).objects
    return [str(objects / view.name) for view in version.views] or [str(objects)]


def outcome_facts(outcome: Outcome, tiers: Tiers) -> dict[str, Any]:
    """Return the outcome of a run for machines."""
    version = outcome.version
    return {
        "status": outcome.status,
        "dataset": outcome.dataset,
        "version": version.number,
        "identity": version.identity,
        "listed": version.listed,
        "stored": version.stored,
        "refused": version.refused,
        "reasons": outcome.refusals.by_reason,
        "set_aside": outcome.set_aside,
        "bytes": version.bytes,
        "shards": len(version.shards),
        "built_images": outcome.figures.images,
        "images_per_second": round(outcome.figures.images_per_second, 1),
        "cpu_ms_per_image": round(outcome.figures.cpu_ms_per_image, 4),
        "arrays": array_paths(outcome.dataset, version, tiers),
        "card": str(outcome.card),
        "refused_report": str(outcome.refusals.report),
    }


def print_table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a table as wide as the terminal allows, or as wide as it is where there is no terminal."""
    table = Table(*header, title=title, title_justify="left")
    for row in rows:
        # Not as markup: brackets in a name are brackets.
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    console.print(table) if console.is_terminal else Console(width=200).print(table)


def fast_line(usage: FastUsage) -> str:
    """Return what copies take on the fast root, and what is left there, as one line."""
    budget = f"{usage.budget / 1e6:,.1f} MB" if usage.budget is not None else "none"
    return (
        f"fast root {usage.root}: {usage.used / 1e6:,.1f} MB used, budget {budget}, "
        f"{usage.free / 1e6:,.1f} MB free on the disk, {usage.pinned / 1e6:,.1f} MB held by readers"
    )


def print_findings(findings: list[Finding], *, as_json: bool) -> None:
    """Tell what was found on this machine, and what to do where something is lacking."""
    if as_json:
        typer.echo(as_text(findings))
        return
    marks = {"good": "ok     ", "note": "note   ", "lacking": "LACKING"}
    for finding in findings:
        say(f"{marks[finding.state]}  {finding.subject:<16}  {finding.text}")
        if finding.remedy:
            say(f"{'':27}  → {finding.remedy}")


def print_demo(result: DemoResult, *, as_json: bool) -> None:
    """Tell what the demonstration made and what to do next."""
    if as_json:
        runs = [outcome_facts(outcome, result.tiers) for outcome in result.outcomes]
        typer.echo(as_text({"source": result.source, "rendered": result.rendered, "runs": runs}))
        return
    for outcome in result.outcomes:
        print_outcome(outcome, result.tiers, as_json=False)
    say("")
    say(
        f"This is a demonstration set: {result.images:,} pictures drawn from emoji in {result.source}, shaped like "
        "ImageNet, quirks and broken files included."
    )
    say(
        "For real images: imagemill prepare /path/to/imagenet/train --dataset imagenet --slow /big/disk "
        "--fast /quick/disk --size 224"
    )
    say(f"Look at all of it: imagemill dashboard --slow {result.tiers.slow} --fast {result.tiers.fast}")
