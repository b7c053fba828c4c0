"""The commands that fill and empty the fast root: stage and unstage. They need no Prefect."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from flows.command_options import Fast, FastBudget, Json, Slow, reported_errors

Name = Annotated[str, typer.Argument(help="Name of the dataset")]


def add_staging_commands(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.command(epilog="Example: imagemill stage imagenet --slow /hdd --fast /ssd --fast-budget 200GB")(stage)
    app.command(epilog="Example: imagemill unstage imagenet --slow /hdd --fast /ssd")(unstage)


def stage(
    name: Name,
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    size: Annotated[list[int] | None, typer.Option(help="Only this side in pixels; may be repeated")] = None,
    version: Annotated[int | None, typer.Option(help="Number of the version; the current one by default")] = None,
    check: Annotated[bool, typer.Option("--check", help="Hash the copies that are there, too; renew bad ones")] = False,
    as_json: Json = False,
) -> None:
    """Copy a version to the fast root, verified; what was not used for longest makes room for it."""
    with reported_errors(as_json):
        from flows.byte_bar import byte_bar
        from flows.roots import chosen_tiers
        from flows.staging_terminal import print_staged
        from storage.holding import held_version
        from storage.publishing import current_published, read_published
        from storage.staging import fast_usage, needed_for_sizes
        from storage.staging import stage as stage_objects

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        # Held, so that it is not collected while it is copied.
        chosen, held = held_version(tiers, name, version, current=current_published, read=read_published)
        with closing(held), byte_bar(f"staging {name}") as bar:
            objects = needed_for_sizes(chosen, size) if size else chosen.objects
            staged = stage_objects(tiers, name, objects, check=check, on_start=bar.start, on_bytes=bar.add)
        print_staged(name, chosen.number, staged, fast_usage(tiers), tiers, as_json=as_json)


def unstage(
    name: Name, slow: Slow = None, fast: Fast = None, fast_budget: FastBudget = None, as_json: Json = False
) -> None:
    """Remove the copies of a dataset from the fast root; what a reader holds stays."""
    with reported_errors(as_json):
        from flows.roots import chosen_tiers
        from flows.staging_terminal import print_unstaged
        from storage.staging import fast_usage
        from storage.staging import unstage as unstage_objects

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        unstaged = unstage_objects(tiers, name)
        print_unstaged(name, unstaged, fast_usage(tiers), as_json=as_json)
