"""The command `restore-rows`: what a generator makes of the bad rows of pairs, published for a critic."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.command_options import Fast, FastBudget, Json, Slow, reported_errors
from flows.lines import as_text, say


def add_restoring_commands(app: typer.Typer) -> None:
    """Put the command of this module on the command line."""
    app.command(
        name="restore-rows",
        epilog="Example: imagemill restore-rows imagenet-numbers --model gan-generator --slow /hdd --fast /ssd",
    )(restore_rows_command)


def restore_rows_command(
    dataset: Annotated[str, typer.Argument(help="Pairs")],
    model: Annotated[str, typer.Option(help="Generator: name, name@current or name@VERSION")] = "gan-generator",
    name: Annotated[str | None, typer.Option(help="Dataset that is made; DATASET-restored by default")] = None,
    version: Annotated[int | None, typer.Option(help="Version of the pairs; the current one by default")] = None,
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    batch_size: Annotated[int, typer.Option(help="Rows at a time")] = 32,
    access: Annotated[str, typer.Option(help="random stages a copy on the fast root; sequential does not")] = "random",
    as_json: Json = False,
) -> None:
    """Restore the bad images of pairs by a generator, and publish them beside the good ones for a critic."""
    with reported_errors(as_json):
        from flows.orchestrator import prefect_server
        from flows.restore_rows import restore_rows
        from flows.restoring_job import RestoringJob
        from flows.roots import chosen_tiers

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        job = RestoringJob.model_validate(
            {
                "dataset": dataset,
                "slow": tiers.slow,
                "fast": tiers.fast,
                "fast_budget": tiers.fast_budget,
                "model": model,
                "name": name,
                "version": version,
                "device": device,
                "batch_size": batch_size,
                "access": access,
            }
        )
        with prefect_server():
            outcome = restore_rows(job)
        made = outcome.version
        if as_json:
            facts = {"status": outcome.status, "dataset": outcome.dataset, "version": made.number}
            return typer.echo(
                as_text(facts | {"restored_by": made.recipe_name, "rows": made.stored, "computed": outcome.computed})
            )
        done = "published" if outcome.status == "published" else "nothing to do,"
        say(f"{outcome.dataset}: {done} version {made.number}, {made.stored:,} rows restored by {made.recipe_name}")
        say(f"  shards    {outcome.computed} of {len(made.shards)} restored by this run")
        say(f"  card      {outcome.card}")
