"""The command line `imagemill`. It parses, starts flows, and prints; it holds no logic.

Prefect takes a second to import, so every command imports what it needs when it runs.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.command_options import DaskScheduler, Fast, FastBudget, Json, Runner, Slow, reported_errors
from flows.dashboard_commands import add_dashboard_commands
from flows.feature_commands import add_feature_commands
from flows.integrity_commands import add_integrity_commands
from flows.lines import say
from flows.pair_commands import add_pair_commands
from flows.pipeline_commands import add_pipeline_commands
from flows.quiet_prefect import make_quiet
from flows.restoring_commands import add_restoring_commands
from flows.search_commands import add_search_commands
from flows.serving_commands import add_serving_commands
from flows.split_commands import add_split_commands
from flows.staging_commands import add_staging_commands
from flows.training_commands import add_training_commands
from flows.upscaling_commands import add_upscaling_commands
from flows.word_commands import add_word_commands

# Before Prefect is imported.
make_quiet(os.environ)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn a raw image collection into training-ready arrays, and train on them.",
    epilog="Exit codes: 0 done or nothing to do; 1 damage or a failed check; 2 bad usage or input; "
    "11 another run holds the dataset or the GPU; 74 disk full or I/O error; "
    "75 interrupted or Prefect lost, run again.",
)


@app.command(
    epilog="Example: imagemill prepare /data/imagenet/train --dataset imagenet --slow /hdd --fast /ssd --size 224",
)
def prepare(
    source: Annotated[Path, typer.Argument(help="Folder with a folder of images for each class, or a flat folder")],
    dataset: Annotated[str, typer.Option(help="Name of the dataset below the roots")],
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    size: Annotated[list[int], typer.Option(help="Side in pixels; repeat it, one decode feeds all sizes")] = [224],  # noqa: B006
    format: Annotated[str, typer.Option(help="hdf5 or bcolz")] = "hdf5",
    fidelity: Annotated[str, typer.Option(help="exact as torchvision, or fast")] = "exact",
    interpolation: Annotated[str, typer.Option(help="bilinear, bicubic or lanczos")] = "bilinear",
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores by default")] = None,
    runner: Runner = "processes",
    dask_scheduler: DaskScheduler = None,
    seed: Annotated[int, typer.Option(help="Seed of the shuffle")] = 0,
    limit: Annotated[int | None, typer.Option(help="Take so many images, the first of the shuffle")] = None,
    manifest: Annotated[Path | None, typer.Option(help="Text file with the classes or images to take")] = None,
    require_vector: Annotated[
        str | None, typer.Option(help="Set classes aside that have no vector in these word maps, e.g. words")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels of a flat folder: CSV or ILSVRC ground truth")] = None,
    max_refused: Annotated[float, typer.Option(help="Publish nothing if a larger share is refused")] = 0.01,
    split_by: Annotated[str, typer.Option(help="Hold out by source (image) or by class")] = "source",
    valid: Annotated[float, typer.Option(help="Share of the validation split")] = 0.05,
    test: Annotated[float, typer.Option(help="Share of the test split")] = 0.05,
    access: Annotated[str, typer.Option(help="random stages a copy on the fast root; sequential does not")] = "random",
    rows_per_shard: Annotated[int, typer.Option(help="Most images that one process builds at once")] = 1024,
    rehash: Annotated[
        bool,
        typer.Option("--rehash", help="Read every image again, for one replaced by another of the same size and time"),
    ] = False,
    as_json: Json = False,
) -> None:
    """Resize and crop a folder of images into published arrays."""
    with reported_errors(as_json):
        from flows.image_job import ImageJob
        from flows.orchestrator import prefect_server
        from flows.prepare_images import prepare_images
        from flows.roots import chosen_tiers
        from flows.terminal import print_outcome
        from tasks.ops.shard_pool import default_workers

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        job = ImageJob.model_validate(
            {
                "source": source,
                "dataset": dataset,
                "slow": tiers.slow,
                "fast": tiers.fast,
                "fast_budget": tiers.fast_budget,
                "sizes": size,
                "array_format": format,
                "fidelity": fidelity,
                "interpolation": interpolation,
                "workers": default_workers() if workers is None else workers,
                "runner": runner,
                "dask_scheduler": dask_scheduler,
                "seed": seed,
                "limit": limit,
                "manifest": manifest,
                "require_vector": require_vector,
                "labels": labels,
                "max_refused": max_refused,
                "split_by": split_by,
                "valid": valid,
                "test": test,
                "access": access,
                "rows_per_shard": rows_per_shard,
                "rehash": rehash,
            }
        )
        with prefect_server():
            outcome = prepare_images(job)
        print_outcome(outcome, tiers, as_json=as_json)


@app.command(epilog="Example: imagemill show imagenet --slow /hdd --rows 0:64 -o sheet.png")
def show(
    name: Annotated[str, typer.Argument(help="Name of the dataset")],
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG file to write")],
    slow: Slow = None,
    fast: Fast = None,
    size: Annotated[int | None, typer.Option(help="Which of its sizes; the largest by default")] = None,
    rows: Annotated[str, typer.Option(help="First row and the one after the last")] = "0:64",
    as_json: Json = False,
) -> None:
    """Draw rows of a published version as a contact sheet."""
    with reported_errors(as_json):
        from flows.roots import chosen_tiers
        from tasks.ops.row_pictures import draw_rows

        drawn = draw_rows(chosen_tiers(slow, fast), name, output, side=size, rows=rows)
        say(json.dumps(drawn) if as_json else f"{output}: rows {drawn['first']} to {drawn['last']} of {name}")


@app.command(epilog="Example: imagemill status --slow /hdd --fast /ssd --json")
def status(slow: Slow = None, fast: Fast = None, fast_budget: FastBudget = None, as_json: Json = False) -> None:
    """List datasets with versions, rows, bytes and unfinished runs; trainings at work; who holds which GPU."""
    with reported_errors(as_json):
        from flows.roots import chosen_tiers
        from flows.status_terminal import Status, print_status
        from storage.staging import fast_usage
        from tasks.ops.dataset_status import dataset_statuses
        from tasks.ops.held_devices import device_states
        from tasks.ops.running_trainings import running_trainings

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        found = Status(dataset_statuses(tiers), running_trainings(tiers.slow), device_states(), fast_usage(tiers))
        print_status(found, tiers, as_json=as_json)


@app.command(epilog="Example: imagemill doctor --slow /hdd --fast /ssd")
def doctor(slow: Slow = None, fast: Fast = None, as_json: Json = False) -> None:
    """Check this machine: SIMD Pillow, libraries, disks, Prefect; say what to do about each lack."""
    with reported_errors(as_json):
        from flows.roots import optional_tiers
        from flows.terminal import print_findings
        from tasks.ops.machine_checks import machine_findings

        findings = machine_findings(optional_tiers(slow, fast))
        print_findings(findings, as_json=as_json)
    if any(finding.state == "lacking" for finding in findings):
        raise typer.Exit(1)


@app.command(epilog="Example: imagemill demo --root demo --classes 525 --images-per-class 6")
def demo(
    root: Annotated[Path, typer.Option(help="Folder for the images and the arrays")] = Path("demo"),
    classes: Annotated[int, typer.Option(help="WordNet noun classes to draw, at most 525")] = 525,
    images_per_class: Annotated[int, typer.Option(help="Images of each class")] = 6,
    scale: Annotated[
        str, typer.Option(help="full: ImageNet's sizes, about 500×375; small: 64 to 96 pixels, published at 64 and 32")
    ] = "full",
    seed: Annotated[int, typer.Option(help="Seed of the drawing and of the shuffle")] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores by default")] = None,
    as_json: Json = False,
) -> None:
    """Draw a small ImageNet-shaped set and prepare it: the whole way, offline."""
    with reported_errors(as_json):
        from flows.demo import DemoJob, run_demo
        from flows.orchestrator import prefect_server
        from flows.terminal import print_demo
        from tasks.ops.shard_pool import default_workers

        job = DemoJob.model_validate(
            {
                "root": root,
                "classes": classes,
                "images_per_class": images_per_class,
                "scale": scale,
                "seed": seed,
                "workers": default_workers() if workers is None else workers,
            }
        )
        with prefect_server():
            result = run_demo(job)
        print_demo(result, as_json=as_json)


add_integrity_commands(app)
add_staging_commands(app)
add_word_commands(app)
add_split_commands(app)
add_pair_commands(app)
add_restoring_commands(app)
add_upscaling_commands(app)
add_training_commands(app)
add_feature_commands(app)
add_search_commands(app)
add_pipeline_commands(app)
add_serving_commands(app)
add_dashboard_commands(app)


def main() -> None:
    """Run the command line."""
    sys.exit(app())


if __name__ == "__main__":
    main()
