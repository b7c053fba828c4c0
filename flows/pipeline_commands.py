"""The commands that run several flows as one: `run pipeline`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command_options import Fast, FastBudget, Json, Slow, reported_errors
from flows.lines import as_text

if TYPE_CHECKING:
    # It imports Prefect, which takes a second.
    from flows.pipeline import StepOutcome

run_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    epilog="Example: imagemill run pipeline --source /data/imagenet/train --dataset imagenet --slow /hdd --fast /ssd",
)
def pipeline(
    source: Annotated[Path | None, typer.Option(help="Folder with a folder of images for each class")] = None,
    demo: Annotated[Path | None, typer.Option(help="Instead: draw the demonstration set below this folder")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name of the dataset; that of the folder by default")] = None,
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    part: Annotated[list[str] | None, typer.Option(help="superres, devise or gan; all by default, repeat it")] = None,
    scale: Annotated[str, typer.Option(help="full for a GPU, small for a machine without one")] = "full",
    configurations: Annotated[
        Path | None, typer.Option(help="Folder with settings of recipes, RECIPE.toml each; else those of the scale")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Word vectors in word2vec's format; else they are learnt from WordNet")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch WordNet if this machine has none")] = False,
    split_by: Annotated[str, typer.Option(help="Hold out by source (image) or by class")] = "source",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores by default")] = None,
    as_json: Json = False,
) -> None:
    """Prepare images, make words and pairs, train and promote models; what is there already is passed over."""
    with reported_errors(as_json):
        from flows.orchestrator import prefect_server
        from flows.pipeline import pipeline as run_pipeline
        from flows.pipeline_job import PARTS, PipelineJob
        from flows.roots import chosen_tiers

        if (source is None) == (demo is None):
            raise ValueError("which images? Give --source FOLDER, or --demo FOLDER to draw the demonstration set there")
        if source is not None:
            tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
            images = {"source": source.absolute(), "dataset": dataset or source.name, "split_by": split_by}
            images |= {"slow": tiers.slow, "fast": tiers.fast, "fast_budget": tiers.fast_budget}
        else:
            assert demo is not None
            images = demo_images(demo, dataset or "demo")
        job = PipelineJob.model_validate(
            {
                "images": images | ({"workers": workers} if workers else {}),
                "parts": tuple(part) if part else PARTS,
                "scale": scale,
                "configurations": configurations,
                "vectors": vectors.absolute() if vectors else None,
                "download": download,
                "device": device,
            }
        )
        with prefect_server():
            outcomes = run_pipeline(job)
        print_steps(outcomes, as_json=as_json)


def demo_images(root: Path, dataset: str) -> dict[str, Any]:
    """Draw the demonstration set below `root`, and return the job of its images without their sizes."""
    from flows.demo import DemoJob, demo_image_job, draw_demo_set
    from storage.tiers import Tiers

    job = DemoJob.model_validate({"root": root})
    tiers = Tiers((root / "slow").absolute(), (root / "fast").absolute())
    images = demo_image_job(job, draw_demo_set(job).source, tiers, dataset, "hdf5", sizes=(1,))
    return images.model_dump(exclude={"sizes"})


def print_steps(outcomes: tuple[StepOutcome, ...], *, as_json: bool) -> None:
    """List the steps with what became of each, and where its card is."""
    if as_json:
        return typer.echo(as_text(outcomes))
    from flows.terminal import print_table

    rows = [(one.title, one.status, str(one.version), str(one.card)) for one in outcomes]
    print_table("pipeline", ("step", "status", "version", "card"), rows)
