"""The embedded default: draws the demonstration set and prepares it as a user would, in both formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flows.image_job import ImageJob
from flows.prepare_images import Outcome, prepare_images
from storage.tiers import Tiers
from tasks.ops.demo_set import DemoSummary, render_demo_set
from tasks.ops.demo_spec import DemoSpec
from tasks.ops.emoji_font import find_emoji_font
from tasks.ops.shard_pool import default_workers

ROWS_PER_SHARD = 256
SIZES = {"full": (288, 224, 72), "small": (64, 32)}
"""In pixels: what the recipes ask for. Larger ones than the drawings would be enlarged drawings."""
BCOLZ_SIZES = {"full": (224,), "small": (64,)}


class DemoJob(BaseModel):
    """How large a demonstration set, and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path = Path("demo")
    classes: Annotated[int, Field(ge=1)] = 525
    images_per_class: Annotated[int, Field(ge=1)] = 6
    scale: Literal["full", "small"] = "full"
    seed: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(default_factory=default_workers, ge=1)]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What `run_demo` left behind."""

    source: Path
    images: int
    rendered: int
    tiers: Tiers
    outcomes: tuple[Outcome, ...]


def run_demo(job: DemoJob) -> DemoResult:
    """Draw the set below `job.root`, then publish it at the sizes of its scale in HDF5, and at one of them in bcolz."""
    summary = draw_demo_set(job)
    images = demo_images(job, summary.source)
    hdf5 = ImageJob(**images, dataset="demo", sizes=SIZES[job.scale])
    bcolz = ImageJob(**images, dataset="demo-bcolz", array_format="bcolz", sizes=BCOLZ_SIZES[job.scale])
    outcomes = (prepare_images(hdf5), prepare_images(bcolz))
    return DemoResult(summary.source, summary.images, summary.rendered, hdf5.tiers, outcomes)


def draw_demo_set(job: DemoJob) -> DemoSummary:
    """Draw the pictures that are not there yet, with a progress bar."""
    spec = DemoSpec(job.classes, job.images_per_class, job.scale, job.seed)
    columns = (TextColumn("[bold]drawing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        drawing = bar.add_task("drawing", total=spec.total)
        return render_demo_set(
            job.root / "images",
            spec,
            font=find_emoji_font(),
            workers=job.workers,
            on_progress=lambda written: bar.advance(drawing, written),
        )


def demo_images(job: DemoJob, source: Path) -> dict[str, Any]:
    """Return the job of the drawn set without a name and sizes.

    Whole classes are held out, since a class has one drawing or two.
    """
    return {
        "source": source.absolute(),
        "slow": (job.root / "slow").absolute(),
        "fast": (job.root / "fast").absolute(),
        "seed": job.seed,
        "workers": job.workers,
        "rows_per_shard": ROWS_PER_SHARD,
        "split_by": "class",
        "valid": 0.1,
        "test": 0.1,
    }
