"""The command on pairs: `pairs` makes bad images of published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command_options import DaskScheduler, Fast, FastBudget, Json, Runner, Slow, reported_errors
from flows.lines import as_text, say

if TYPE_CHECKING:
    # It imports Prefect, which takes a second.
    from flows.make_pairs import PairOutcome


def add_pair_commands(app: typer.Typer) -> None:
    """Put the command of this module on the command line."""
    app.command(
        epilog="Examples: imagemill pairs imagenet --recipe superres-x4 --size 288 --slow /hdd --fast /ssd; "
        "imagemill pairs imagenet --recipe mine.toml --name imagenet-mine; "
        "imagemill pairs --recipes lists the recipes that are shipped"
    )(pairs)


def pairs(
    origin: Annotated[str | None, typer.Argument(help="Prepared dataset whose images are the good ones")] = None,
    recipe: Annotated[str, typer.Option(help="Name of a shipped recipe, or path of a .toml file")] = "lesson",
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    name: Annotated[str | None, typer.Option(help="Name of the pairs; by default ORIGIN-RECIPE")] = None,
    version: Annotated[int | None, typer.Option(help="Version of the origin; the current one by default")] = None,
    size: Annotated[int | None, typer.Option(help="Which of its sizes; the largest by default")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores by default")] = None,
    runner: Runner = "processes",
    dask_scheduler: DaskScheduler = None,
    access: Annotated[str, typer.Option(help="random stages a copy on the fast root; sequential does not")] = "random",
    recipes: Annotated[bool, typer.Option("--recipes", help="List the shipped recipes, and do nothing else")] = False,
    as_json: Json = False,
) -> None:
    """Make a bad image of each published one, by a recipe, and publish both as aligned arrays."""
    with reported_errors(as_json):
        if recipes:
            return print_recipes(as_json=as_json)
        if origin is None:
            raise ValueError("which dataset's images are to be spoilt? imagemill pairs DATASET --recipe NAME")
        from flows.make_pairs import make_pairs
        from flows.orchestrator import prefect_server
        from flows.pair_job import PairJob
        from flows.roots import chosen_tiers
        from tasks.ops.shard_pool import default_workers

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        job = PairJob.model_validate(
            {
                "origin": origin,
                "recipe": recipe,
                "slow": tiers.slow,
                "fast": tiers.fast,
                "fast_budget": tiers.fast_budget,
                "name": name,
                "version": version,
                "side": size,
                "workers": default_workers() if workers is None else workers,
                "runner": runner,
                "dask_scheduler": dask_scheduler,
                "access": access,
            }
        )
        # Before a server is started: a recipe that is wrong needs none.
        job.pair_recipe()
        with prefect_server():
            outcome = make_pairs(job)
        print_pairs(outcome, as_json=as_json)


def print_recipes(*, as_json: bool) -> None:
    """List the shipped recipes with their defects."""
    from tasks.ops.pair_recipe_files import shipped_recipes
    from tasks.ops.pair_report import recipe_rows

    if as_json:
        facts = {name: recipe_rows(recipe) for name, recipe in shipped_recipes().items()}
        return typer.echo(as_text(facts))
    for name, recipe in shipped_recipes().items():
        say(name)
        for defect, parameters in recipe_rows(recipe):
            say(f"  {defect:<16} {parameters}")


def print_pairs(outcome: PairOutcome, *, as_json: bool) -> None:
    """Tell which version holds the pairs, what they are made of, and what it took."""
    version, origin, figures = outcome.version, outcome.version.origin, outcome.figures
    if as_json:
        return typer.echo(as_text(pair_facts(outcome)))
    told = "nothing to do, version {} holds these pairs" if outcome.status == "unchanged" else "published version {}"
    say(f"{outcome.dataset}: {told.format(version.number)}")
    say(f"  pairs     {version.stored:,}")
    say(f"  good      {origin.dataset}, version {origin.number}, {origin.side} px")
    say(f"  bad       {version.bad_side} px, by the recipe {version.recipe_name}")
    say(f"  identity  {version.identity[:16]}")
    say(f"  card      {outcome.card}")
    if figures.images:
        say(f"  speed     {figures.images_per_second:,.0f} images/s, {figures.cpu_ms_per_image:.2f} CPU ms per image")


def pair_facts(outcome: PairOutcome) -> dict[str, Any]:
    """Return the outcome of a run for machines."""
    version = outcome.version
    return {
        "status": outcome.status,
        "dataset": outcome.dataset,
        "version": version.number,
        "identity": version.identity,
        "origin": version.origin,
        "recipe": version.recipe_name,
        "bad_side": version.bad_side,
        "stored": version.stored,
        "bytes": version.bytes,
        "images_per_second": round(outcome.figures.images_per_second, 1),
        "cpu_ms_per_image": round(outcome.figures.cpu_ms_per_image, 4),
        "card": str(outcome.card),
    }
