"""The commands that run several flows as one: `run pipeline`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command_options import (
    Configurations,
    DaskScheduler,
    DatasetName,
    Fast,
    FastBudget,
    ImageTree,
    Json,
    Runner,
    Slow,
    Vectors,
    command_group,
    reported_errors,
)
from flows.lines import as_text, say

if TYPE_CHECKING:
    # It imports Prefect, which takes a second.
    from flows.step_runs import StepOutcome

DEPLOYMENT = "pipeline/pipeline"

run_app = command_group(no_args_is_help=True)


def add_pipeline_commands(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.add_typer(
        run_app,
        name="run",
        help="Run the whole pipeline: images, words, pairs, models.",
        epilog="Examples: imagemill run pipeline --source /data/imagenet/train --dataset imagenet --slow /hdd "
        "--fast /ssd; imagemill run pipeline --demo demo-all --scale small",
    )


@run_app.command(
    epilog="Examples: imagemill run pipeline --source /data/imagenet/train --dataset imagenet --slow /hdd --fast /ssd; "
    "where PREFECT_API_URL names a server with workers, `imagemill run pipeline` alone takes what was deployed there",
)
def pipeline(
    source: ImageTree = None,
    demo: Annotated[Path | None, typer.Option(help="Instead: draw the demonstration set below this folder")] = None,
    dataset: DatasetName = None,
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    part: Annotated[list[str] | None, typer.Option(help="superres, devise or gan; all by default, repeat it")] = None,
    scale: Annotated[str, typer.Option(help="full for a GPU, small for a machine without one")] = "full",
    configurations: Configurations = None,
    vectors: Vectors = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch WordNet if this machine has none")] = False,
    split_by: Annotated[str, typer.Option(help="Hold out by source (image) or by class")] = "source",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores by default")] = None,
    runner: Runner = "processes",
    dask_scheduler: DaskScheduler = None,
    on: Annotated[
        str, typer.Option(help="worker, here, or auto: a worker where the server at PREFECT_API_URL has one")
    ] = "auto",
    as_json: Json = False,
) -> None:
    """Prepare images, make words and pairs, train and promote models; what is there already is passed over."""
    with reported_errors(as_json):
        by_worker = is_for_worker(on)
        images = chosen_images(source, demo, dataset, slow, fast, fast_budget, split_by, may_be_none=by_worker)
        told = {
            "parts": tuple(part) if part else None,
            "scale": scale,
            "configurations": configurations.absolute() if configurations else None,
            "vectors": vectors.absolute() if vectors else None,
            "download": download,
            "device": device,
        }
        job = {name: value for name, value in told.items() if value is not None}
        if images is None and (runner, dask_scheduler) != ("processes", None):
            raise ValueError("--runner and --dask-scheduler go with --source or --demo: what is deployed has its own")
        building = {"workers": workers, "runner": runner, "dask_scheduler": dask_scheduler}
        if images is not None:
            job["images"] = images | {name: value for name, value in building.items() if value is not None}
        if by_worker:
            run_by_worker(job if images is not None else None, as_json=as_json)
        else:
            run_here(job, as_json=as_json)


def is_for_worker(on: str) -> bool:
    """Tell whether a worker is to carry out the run.

    Raises:
        ValueError: `on` is none of the three, or a worker is wanted and there is none.
    """
    if on not in ("auto", "here", "worker"):
        raise ValueError(f"--on should be worker, here or auto, got {on!r}")
    if on == "here":
        return False
    from prefect.settings import get_current_settings

    from flows.orchestrator import require_server

    if on == "auto" and not get_current_settings().api.url:
        return False
    api = require_server()
    from flows.deployed_runs import is_worked, pool_of

    pool = pool_of(DEPLOYMENT)
    if pool and is_worked(pool):
        return True
    lacking = f"no worker of its pool {pool} is at work" if pool else f"it has no deployment {DEPLOYMENT}"
    if on == "auto":
        say(f"run here, and told to {api}: {lacking}", err=True)
        return False
    raise ValueError(
        f"{api}: {lacking}. Run `imagemill serve`; or `imagemill deploy`, and `prefect worker start --pool gpu`"
    )


def chosen_images(
    source: Path | None,
    demo: Path | None,
    dataset: str | None,
    slow: Path | None,
    fast: Path | None,
    fast_budget: str | None,
    split_by: str,
    *,
    may_be_none: bool,
) -> dict[str, Any] | None:
    """Return the job of the images without their sizes; None where the deployment knows it.

    Raises:
        ValueError: not exactly one of source and demonstration set is told, or what does not go with it.
    """
    from flows.roots import chosen_tiers

    if source is None and demo is None and may_be_none:
        return None
    if (source is None) == (demo is None):
        raise ValueError("which images? Give --source FOLDER, or --demo FOLDER to draw the demonstration set there")
    if source is not None:
        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        images = {"source": source.absolute(), "dataset": dataset or source.absolute().name, "split_by": split_by}
        return images | {"slow": tiers.slow, "fast": tiers.fast, "fast_budget": tiers.fast_budget}
    if slow or fast or fast_budget:
        raise ValueError("--demo keeps its arrays below its own folder: leave --slow, --fast and --fast-budget away")
    from flows.demo import DemoJob, demo_images, draw_demo_set

    job = DemoJob.model_validate({"root": demo})
    return demo_images(job, draw_demo_set(job).source) | {"dataset": dataset or "demo"}


def run_here(job: dict[str, Any], *, as_json: bool) -> None:
    """Run the pipeline in this process, and list what became of its steps."""
    from flows.orchestrator import prefect_server
    from flows.pipeline import pipeline as run_pipeline
    from flows.pipeline_job import PipelineJob

    wanted = PipelineJob.model_validate(job)
    with prefect_server():
        outcomes = run_pipeline(wanted)
    print_steps(outcomes, as_json=as_json)


def run_by_worker(job: dict[str, Any] | None, *, as_json: bool) -> None:
    """Have a worker run the deployed pipeline, with this job or with its own, and list its flows."""
    from flows.deployed_runs import followed
    from flows.orchestrator import require_server, server_errors_named
    from flows.pipeline_job import PipelineJob

    # Checked here, where a person can mend it.
    parameters = {"job": PipelineJob.model_validate(job).model_dump(mode="json")} if job is not None else {}
    with server_errors_named(require_server()):
        run = followed(DEPLOYMENT, parameters, say=lambda line: say(line, err=True))
    if as_json:
        return typer.echo(as_text(run))
    from flows.terminal import print_table

    rows = [(one.name, one.state, f"{one.seconds:,.0f}") for one in run.flows]
    print_table(f"{run.name}, {run.page}", ("step", "state", "seconds"), rows)


def print_steps(outcomes: tuple[StepOutcome, ...], *, as_json: bool) -> None:
    """List the steps with what became of each, and where its card is."""
    if as_json:
        return typer.echo(as_text(outcomes))
    from flows.terminal import print_table

    rows = [(one.title, one.status, str(one.version), str(one.card)) for one in outcomes]
    print_table("pipeline", ("step", "status", "version", "card"), rows)
