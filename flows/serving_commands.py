"""The commands that put Imagemill on a Prefect server: `deploy` on any, `serve` on one with workers of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command_options import (
    Configurations,
    DatasetName,
    Fast,
    FastBudget,
    ImageTree,
    Json,
    Slow,
    Vectors,
    reported_errors,
)
from flows.lines import as_text, say

if TYPE_CHECKING:
    # It imports Prefect, which takes a second.
    from flows.deploy_order import DeployOrder
    from flows.deploying import Deployed

ScaleOption = Annotated[str | None, typer.Option(help="full for a GPU, small for a machine without one")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N")]
Schedules = Annotated[
    bool | None,
    typer.Option("--schedules/--no-schedules", help="Start the nightly and weekly runs, or no more; off at first"),
]
Gpus = Annotated[int | None, typer.Option(min=1, help="Runs of the pool gpu at a time; 1 at first")]


def add_serving_commands(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.command(
        epilog="Example: imagemill deploy --source /data/imagenet/train --dataset imagenet --slow /hdd --fast /ssd "
        "--schedules. Run it again to change something: what is not told stays as it is."
    )(deploy)
    app.command(
        epilog="Example: imagemill serve --source /data/imagenet/train --slow /hdd --fast /ssd; then, in another "
        "terminal, imagemill run pipeline. Ctrl-C stops all of it; training writes a checkpoint first."
    )(serve)


def deploy(
    source: ImageTree = None,
    dataset: DatasetName = None,
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    scale: ScaleOption = None,
    configurations: Configurations = None,
    vectors: Vectors = None,
    device: Device = None,
    schedules: Schedules = None,
    gpus: Gpus = None,
    as_json: Json = False,
) -> None:
    """Put all flows on the Prefect server at PREFECT_API_URL: pools, deployments, schedules, triggers, guards."""
    with reported_errors(as_json):
        from flows.deploying import deploy as deploy_to_server
        from flows.orchestrator import require_server, server_errors_named

        api = require_server()
        choices = {"scale": scale, "configurations": configurations, "vectors": vectors, "device": device}
        order = chosen_order(source, dataset, slow, fast, fast_budget, **choices, schedules=schedules, gpus=gpus)
        with server_errors_named(api):
            done = deploy_to_server(order)
        print_deployed(done, api, as_json=as_json)


def serve(
    source: ImageTree = None,
    dataset: DatasetName = None,
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    scale: ScaleOption = None,
    configurations: Configurations = None,
    vectors: Vectors = None,
    device: Device = None,
    schedules: Schedules = None,
    gpus: Gpus = None,
    host: Annotated[str, typer.Option(help="Where the server listens; beyond this machine only with a password")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the server")] = 4200,
) -> None:
    """Run a Prefect server, all deployments and their workers on this machine, until Ctrl-C."""
    with reported_errors(as_json=False):
        from flows.serving import ServerPlace
        from flows.serving import serve as serve_here

        choices = {"scale": scale, "configurations": configurations, "vectors": vectors, "device": device}
        order = chosen_order(source, dataset, slow, fast, fast_budget, **choices, schedules=schedules, gpus=gpus)
        serve_here(ServerPlace(host, port), order, say=lambda line: say(line, err=True))


def chosen_order(
    source: Path | None,
    dataset: str | None,
    slow: Path | None,
    fast: Path | None,
    fast_budget: str | None,
    **choices: Any,
) -> DeployOrder:
    """Return the order for what was told; the roots may also come from the environment or the settings file."""
    from flows.deploy_order import DeployOrder
    from flows.roots import chosen_tiers, optional_tiers

    tiers = optional_tiers(slow, fast)
    # Absolute, since a worker runs in a folder of its own.
    told: dict[str, Any] = {
        name: value.absolute() if isinstance(value, Path) else value
        for name, value in choices.items()
        if value is not None
    }
    if tiers is not None:
        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        told |= {"slow": tiers.slow, "fast": tiers.fast, "fast_budget": tiers.fast_budget}
    return DeployOrder.model_validate(told | {"source": source, "dataset": dataset})


def print_deployed(done: list[Deployed], api: str, *, as_json: bool) -> None:
    """List the deployments, and what to do next."""
    if as_json:
        return typer.echo(as_text({"api": api, "deployments": done}))
    from flows.terminal import print_table

    rows = [
        (
            one.name,
            one.pool,
            ", ".join(one.schedules) + ("" if one.is_scheduled or not one.schedules else " (off)"),
            "set" if one.has_job else "asked for",
        )
        for one in done
    ]
    print_table(f"on {api}", ("deployment", "pool", "schedule (UTC)", "parameters"), rows)
    say("workers: prefect worker start --pool cpu, and --pool gpu where training is to be done")
