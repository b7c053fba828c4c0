"""The command `splits`: which classes of a dataset are learnt from, and which stay unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.command_options import Fast, FastBudget, Json, Slow, reported_errors


def add_split_commands(app: typer.Typer) -> None:
    """Put the command of this module on the command line."""
    app.command(
        name="splits",
        epilog="Examples: imagemill splits demo --seed 0 --seed 1 --seed 2 --slow /hdd --fast /ssd; "
        "imagemill splits imagenet21k --seen ilsvrc2012.txt",
    )(splits)


def splits(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset whose classes are split")],
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    words: Annotated[str, typer.Option(help="Word maps that have its classes")] = "words",
    unseen: Annotated[float, typer.Option(help="Share of the classes that stays unseen")] = 0.2,
    seed: Annotated[list[int] | None, typer.Option(help="A split for each; may be repeated [0, 1, 2]")] = None,
    seen: Annotated[
        list[Path] | None,
        typer.Option(help="Instead of seeds: a file that names the seen classes, one a line; may be repeated"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the dataset of splits [splits-DATASET]")] = None,
    wordnet: Annotated[Path | None, typer.Option(help="Folder or zip with WordNet 3.0, if elsewhere")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch WordNet if this machine has none")] = False,
    as_json: Json = False,
) -> None:
    """Choose which classes stay unseen, for zero-shot recognition, and publish that."""
    with reported_errors(as_json):
        from flows.orchestrator import prefect_server
        from flows.roots import chosen_tiers
        from flows.split_classes import split_classes
        from flows.split_job import SplitJob
        from flows.split_terminal import print_splits

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        job = SplitJob.model_validate(
            {
                "slow": tiers.slow,
                "fast": tiers.fast,
                "fast_budget": tiers.fast_budget,
                "dataset": dataset,
                "words": words,
                "name": name,
                "unseen": unseen,
                "seeds": seed or (),
                "seen": seen or (),
                "wordnet": wordnet,
                "download": download,
            }
        )
        with prefect_server():
            outcome = split_classes(job)
        print_splits(outcome, as_json=as_json)
