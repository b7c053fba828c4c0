"""CPU time of `imagemill pairs` beside the bare loop: read the good rows and spoil them, store nothing.

Every round runs all ways in turn. Two numbers of images part the cost of one more pair (the slope) from what a run
costs before its first (the fixed part). Writes a table of docs/performance.md.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.bare_pairs import RECIPES
from benchmarks.demo_files import drawn_demo_set, linked
from benchmarks.documents import markdown_table
from benchmarks.prepare import LIBRARIES, prefect_settings
from benchmarks.prepare_rounds import Line, least_line
from benchmarks.process_costs import Cost, measured
from benchmarks.provenance import ROOT, provenance
from benchmarks.rounds_options import rounds_parser
from benchmarks.targets import Target, report

SIDE, WORKERS, ROUNDS = 288, 2, 3
FEW, MANY = 1000, 12_000
QUICK_MANY, QUICK_ROUNDS = 4000, 1
MAX_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class Round:
    """Both ways with one recipe, run in turn."""

    pairs: Line
    bare_loop: Line

    @property
    def ratio(self) -> float:
        """Cost of one more pair beside that of the bare loop."""
        return self.pairs.slope_ms / self.bare_loop.slope_ms

    @property
    def worker_ms(self) -> float:
        """CPU milliseconds of a pair in the worker processes, as the receipts have it."""
        return json.loads(self.pairs.many.output)["cpu_ms_per_image"]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a measurement takes place: a root with the published images, a dataset for each number of them."""

    root: Path
    counts: tuple[int, int]

    @property
    def settings(self) -> dict[str, str]:
        """Return those of a Prefect home that every run but the first finds in use."""
        return prefect_settings(self.root / "prefect")

    def publish(self, source: Path) -> None:
        """Publish the good images, the first of them by `--limit`; this also brings them into the page cache."""
        for count in self.counts:
            command = [sys.executable, "-m", "flows.command_line", "prepare", str(source), "--dataset", f"of-{count}"]
            command += ["--slow", str(self.root), "--size", str(SIDE), "--limit", str(count), "--max-refused", "0.05"]
            measured([*command, "--workers", str(WORKERS)], self.settings)

    def pairs(self, count: int, recipe: str) -> Cost:
        """Make all pairs of a dataset under a fresh name, and remove them."""
        command = [sys.executable, "-m", "flows.command_line", "pairs", f"of-{count}", "--recipe", recipe]
        command += ["--name", "made", "--slow", str(self.root), "--workers", str(WORKERS), "--json"]
        cost = measured(command, self.settings)
        found = json.loads(cost.output)
        if (found["status"], found["stored"]) != ("published", self.stored(count)):
            raise ValueError(f"expected {self.stored(count)} pairs, got {found}")
        shutil.rmtree(self.root / "made")
        return cost

    def bare_loop(self, count: int, recipe: str) -> Cost:
        """Spoil the same images."""
        command = [sys.executable, "-m", "benchmarks.bare_pairs", str(self.record(count)), recipe, str(WORKERS)]
        return measured(command)

    def round(self, recipe: str) -> Round:
        """Run both ways once, in turn, and tell on standard error what each cost."""
        few, many = self.counts
        pairs_few, bare_few = self.pairs(few, recipe), self.bare_loop(few, recipe)
        pairs_many, bare_many = self.pairs(many, recipe), self.bare_loop(many, recipe)
        stored = self.stored(few), self.stored(many)
        found = Round(
            Line(stored[0], pairs_few, stored[1], pairs_many), Line(stored[0], bare_few, stored[1], bare_many)
        )
        seconds = [f"{cost.cpu_seconds:.2f}" for cost in (pairs_few, pairs_many, bare_few, bare_many)]
        print(f"{recipe}, CPU s: pairs {seconds[0]}, {seconds[1]}, bare {seconds[2]}, {seconds[3]}", file=sys.stderr)
        return found

    def record(self, count: int) -> Path:
        return self.root / f"of-{count}" / "versions" / "00000001.json"

    def stored(self, count: int) -> int:
        return json.loads(self.record(count).read_bytes())["body"]["stored"]


def least_of(rounds: Sequence[Round]) -> Round:
    """Return the round made of the least cost of each run: what is left when nothing disturbs."""
    return Round(least_line([it.pairs for it in rounds]), least_line([it.bare_loop for it in rounds]))


def table(rounds: dict[str, list[Round]]) -> str:
    """Return the figures of each recipe: medians of the rounds, and the ratio from the least costs."""
    rows: list[tuple[object, ...]] = []
    for recipe, found in rounds.items():
        figures = (
            median(it.pairs.slope_ms for it in found),
            median(it.worker_ms for it in found),
            median(it.bare_loop.slope_ms for it in found),
        )
        ratios = median(it.ratio for it in found), least_of(found).ratio
        fixed = median(it.pairs.fixed_seconds for it in found)
        texts = [f"{figure:.3f}" for figure in figures]
        rows.append((f"`{recipe}`", *texts, *(f"{it:.2f}" for it in ratios), f"≤ {MAX_RATIO}", f"{fixed:.1f}"))
    head = (
        "recipe",
        "`pairs`, one more, CPU ms",
        "– in its workers",
        "bare loop, one more, CPU ms",
        "**`pairs` / bare loop**",
        "from the least",
        "target",
        "`pairs`, fixed, CPU s",
    )
    return markdown_table(head, rows)


def main() -> None:
    options = rounds_parser("pairs", __doc__, rounds=ROUNDS).parse_args()
    counts = (FEW, QUICK_MANY if options.quick else MANY)
    origin = provenance("python -m benchmarks pairs", LIBRARIES)
    source = linked(drawn_demo_set(), MANY)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="pairs-") as folder:
        bench = Bench(Path(folder), counts)
        bench.publish(source)
        rounds: dict[str, list[Round]] = {recipe: [] for recipe in RECIPES}
        for _ in range(QUICK_ROUNDS if options.quick else options.rounds):
            for recipe, found in rounds.items():
                found.append(bench.round(recipe))
    targets = [
        Target(f"`pairs` / bare loop, {recipe}", median(it.ratio for it in found), MAX_RATIO)
        for recipe, found in rounds.items()
    ]
    report("pairs beside the bare loop", f"{origin}\n\n{table(rounds)}", targets, for_docs=not options.quick)


if __name__ == "__main__":
    main()
