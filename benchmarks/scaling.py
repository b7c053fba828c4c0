"""What grows with the number of images, and what does not: 2,000, 20,000 and 200,000 of them.

The images are small (64 to 96 pixels, prepared at 64) and hard links of 5,250, so that our own costs stand out and
not those of decoding. Writes a table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from benchmarks.demo_files import SMALL, drawn_demo_set, linked
from benchmarks.documents import markdown_table
from benchmarks.process_costs import Cost, measured
from benchmarks.provenance import ROOT, provenance
from benchmarks.targets import Target, report, target_table

SIDE, WORKERS, ROUNDS = 64, 2, 3
COUNTS, QUICK_COUNTS = (2_000, 20_000, 200_000), (500, 2_000, 8_000)
STEPS = ("list", "plan", "publish")
MILLION = 1_000_000


@dataclass(slots=True)
class Size:
    """A tree of so many images, and what preparing it cost in each round."""

    images: int
    source: Path
    runs: list[Cost] = field(default_factory=list)
    unchanged: Cost | None = None
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(run.cpu_seconds for run in self.runs)

    @property
    def worker_ms(self) -> float:
        """CPU milliseconds of one image in the workers, as the receipts have it."""
        return statistics.median(json.loads(run.output)["cpu_ms_per_image"] for run in self.runs)

    @property
    def peak_megabytes(self) -> float:
        return max(run.peak_bytes for run in self.runs) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few images, and nothing is written to the docs")
    options = parser.parse_args()
    drawn = drawn_demo_set(SMALL)
    sizes = [Size(count, linked(drawn, count)) for count in (QUICK_COUNTS if options.quick else COUNTS)]
    origin = provenance("python -m benchmarks scaling", ["h5py", "prefect", "pyarrow"])
    place = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="scaling-"))
    try:
        _prepared(sizes[0], place)
        for _ in range(1 if options.quick else ROUNDS):
            for size in sizes:
                size.runs.append(_prepared(size, place))
        for size in sizes:
            _look_closer(size, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    targets = _targets(sizes)
    tables = "\n\n".join((origin, _runs_table(sizes), _steps_table(sizes), target_table(targets)))
    report("scaling", tables, targets, for_docs=not options.quick)


def _prepared(size: Size, place: Path, *, keep: bool = False) -> Cost:
    """Publish the tree into a fresh root."""
    root = place / str(size.images)
    shutil.rmtree(root, ignore_errors=True)
    cost = measured(_command(size, root), {"PREFECT_HOME": str(place / "prefect")})
    print(f"{size.images:,} images: {cost.cpu_seconds:.1f} CPU s", flush=True)
    if not keep:
        shutil.rmtree(root)
    return cost


def _look_closer(size: Size, place: Path) -> None:
    """Measure a run that finds nothing to do, and the steps that no worker shares."""
    root = place / str(size.images)
    _prepared(size, place, keep=True)
    size.unchanged = measured(_command(size, root), {"PREFECT_HOME": str(place / "prefect")})
    command = [sys.executable, "-m", "benchmarks.planning_costs", str(size.source), str(root), "benchmark"]
    size.steps = json.loads(measured(command).output)
    shutil.rmtree(root)


def _command(size: Size, root: Path) -> list[str]:
    command = [sys.executable, "-m", "flows.command_line", "prepare", str(size.source), "--dataset", "benchmark"]
    command += ["--slow", str(root), "--size", str(SIDE), "--max-refused", "0.05", "--workers", str(WORKERS)]
    return [*command, "--json"]


def _slopes(sizes: list[Size]) -> list[float]:
    """Return the CPU milliseconds of one more image between each size and the next."""
    return [
        1e3 * (more.cpu_seconds - fewer.cpu_seconds) / (more.images - fewer.images) for fewer, more in pairwise(sizes)
    ]


def _runs_table(sizes: list[Size]) -> str:
    slopes = ["", *(f"{slope:.3f}" for slope in _slopes(sizes))]
    rows: list[tuple[object, ...]] = [
        (
            f"{size.images:,}",
            f"{size.cpu_seconds:.1f}",
            slope,
            f"{size.worker_ms:.3f}",
            f"{size.peak_megabytes:,.0f}",
            f"{size.unchanged.cpu_seconds:.1f}" if size.unchanged else "",
        )
        for size, slope in zip(sizes, slopes, strict=True)
    ]
    head = (
        "images",
        "CPU s, all processes",
        "CPU ms, one more image than above",
        "in the workers, ms",
        "peak PSS, MB",
        "CPU s where nothing has changed",
    )
    return markdown_table(head, rows)


def _steps_table(sizes: list[Size]) -> str:
    rows: list[tuple[object, ...]] = [
        (step, *(f"{size.steps[step]:.2f}" for size in sizes), f"{_per_million(step, sizes):.0f}") for step in STEPS
    ]
    return markdown_table(("CPU s", *(f"{size.images:,}" for size in sizes), "per million images"), rows)


def _per_million(step: str, sizes: list[Size]) -> float:
    fewer, more = sizes[-2:]
    return MILLION * (more.steps[step] - fewer.steps[step]) / (more.images - fewer.images)


def _targets(sizes: list[Size]) -> list[Target]:
    first, last = sizes[1], sizes[-1]
    slopes = _slopes(sizes)
    return [
        Target(f"one image in the workers: {last.images:,} / {first.images:,}", last.worker_ms / first.worker_ms, 1.05),
        Target("one more image, all processes: many / few", slopes[-1] / slopes[0], 1.05),
        Target(f"peak memory: {last.images:,} / {first.images:,}", last.peak_megabytes / first.peak_megabytes, 1.25),
    ]


if __name__ == "__main__":
    main()
