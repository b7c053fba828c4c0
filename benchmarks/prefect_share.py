"""What Prefect adds to the CPU time of one more image: `prepare` with it, and the same code without it.

Both ways run the same command on the same trees of 2,000 and 20,000 images, at ImageNet's sizes, in turn, the order
changing with every round; with Prefect, its temporary server counts too. Without it, flows and tasks are the functions
that they were made of (`benchmarks/prefect_ways.py`). The slope between the two trees is the cost of one more image.

Nearly all of that is spent in worker processes, which know nothing of Prefect and whose cost differs from run to run by
more than Prefect can add, as does that of starting a server. So the share is made of what can differ by Prefect alone:
the flow's own process and the server, from the flow's beginning to its end. Writes a table of docs/performance.md.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.demo_files import drawn_demo_set, linked
from benchmarks.documents import markdown_table
from benchmarks.prepare import prefect_settings
from benchmarks.process_costs import measured
from benchmarks.provenance import ROOT, provenance
from benchmarks.rounds_options import rounds_parser
from benchmarks.targets import Target, report, target_table

SIDE, WORKERS, ROUNDS = 224, 2, 5
FEW, MANY = 2_000, 20_000
QUICK_FEW, QUICK_MANY = 200, 1_000
WITH, WITHOUT = "with", "without"
NO_SERVER = "http://127.0.0.1:9/api"
"""The discard port: a run that is to do without Prefect would fail if it asked a server for anything."""
MAX_SHARE = 3.0
"""Percent of the CPU time of one more image."""


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of one run: of all its processes from start to end, of its workers as their receipts have it, and of
    the flow's own process and of Prefect's server while the flow ran."""

    total: float
    workers: float
    process: float
    server: float

    @property
    def own(self) -> float:
        """All in which Prefect has a part."""
        return self.process + self.server


Part = Callable[[Spent], float]


@dataclass(frozen=True, slots=True)
class Runs:
    """Both ways, with few and with many images, one after the other."""

    few_images: int
    many_images: int
    spent: dict[tuple[str, int], Spent]

    def slope_ms(self, way: str, part: Part) -> float:
        """Return the CPU milliseconds that one more image costs in `way`, of a part of what is spent."""
        few, many = self.spent[way, self.few_images], self.spent[way, self.many_images]
        return 1e3 * (part(many) - part(few)) / (self.many_images - self.few_images)

    def added_ms(self, part: Part) -> float:
        """Return what Prefect adds to that, by this round alone."""
        return self.slope_ms(WITH, part) - self.slope_ms(WITHOUT, part)

    def share(self, part: Part) -> float:
        """Return what Prefect adds, in percent of all that one more image costs with it."""
        return 100 * self.added_ms(part) / self.slope_ms(WITH, _total)


def main() -> None:
    options = rounds_parser("prefect_share", __doc__, rounds=ROUNDS).parse_args()
    few, many = (QUICK_FEW, QUICK_MANY) if options.quick else (FEW, MANY)
    drawn = drawn_demo_set()
    trees = {count: linked(drawn, count) for count in (few, many)}
    origin = provenance("python -m benchmarks prefect_share", ["h5py", "prefect"])
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="prefect-share-") as name:
        place = Path(name)
        # Prefect's home is made, and the images are read, before anything counts.
        for way in (WITH, WITHOUT):
            _spent(way, trees[few], place)
        rounds = [_round(number, trees, place) for number in range(1 if options.quick else options.rounds)]
    share = statistics.median(found.share(_own) for found in rounds)
    targets = [Target("Prefect's share of one more image, %", share, MAX_SHARE)]
    tables = "\n\n".join((origin, _table(rounds), target_table(targets)))
    report("prefect's share", tables, targets, for_docs=not options.quick)


def _round(number: int, trees: dict[int, Path], place: Path) -> Runs:
    ways = (WITH, WITHOUT) if number % 2 == 0 else (WITHOUT, WITH)
    spent = {(way, count): _spent(way, tree, place) for count, tree in trees.items() for way in ways}
    few, many = trees
    found = Runs(few, many, spent)
    print(f"share {found.share(_own):.2f} %: {found}", flush=True)
    return found


def _spent(way: str, source: Path, place: Path) -> Spent:
    """Publish the tree `source` into a fresh root."""
    root, result = place / "root", place / "result.json"
    command = [sys.executable, "-m", "benchmarks.prefect_ways", way, str(result), str(source), "--dataset", "benchmark"]
    command += ["--slow", str(root), "--size", str(SIDE), "--workers", str(WORKERS), "--max-refused", "0.05", "--json"]
    environment = prefect_settings(place / "prefect") | ({"PREFECT_API_URL": NO_SERVER} if way == WITHOUT else {})
    try:
        cost = measured(command, environment)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    found, own = json.loads(cost.output), json.loads(result.read_bytes())
    if (found["status"], found["built_images"]) != ("published", found["listed"]):
        raise ValueError(f"expected every image built and published, got {found}")
    if (own["server"] > 0) != (way == WITH):
        raise ValueError(f"{way} Prefect its server spent {own['server']} CPU s")
    workers = found["cpu_ms_per_image"] * found["built_images"] / 1e3
    return Spent(cost.cpu_seconds, workers, own["process"], own["server"])


def _total(spent: Spent) -> float:
    return spent.total


def _own(spent: Spent) -> float:
    return spent.own


def _table(rounds: list[Runs]) -> str:
    parts: tuple[tuple[str, Part], ...] = (
        ("all processes, from start to end", _total),
        ("– workers, by their receipts", lambda spent: spent.workers),
        ("– the flow's own process", lambda spent: spent.process),
        ("– Prefect's server", lambda spent: spent.server),
        ("**own process and server**", _own),
    )
    rows: list[tuple[object, ...]] = [
        (
            label,
            _spread([it.slope_ms(WITH, part) for it in rounds], 4),
            _spread([it.slope_ms(WITHOUT, part) for it in rounds], 4),
            _spread([it.added_ms(part) for it in rounds], 4),
            _spread([it.share(part) for it in rounds], 2),
        )
        for label, part in parts
    ]
    head = (
        f"CPU ms of one more image, median of {len(rounds)} (least to most)",
        "with Prefect",
        "without",
        "difference",
        "% of one more image",
    )
    return markdown_table(head, rows)


def _spread(figures: list[float], digits: int) -> str:
    return f"{statistics.median(figures):.{digits}f} ({min(figures):.{digits}f} to {max(figures):.{digits}f})"


if __name__ == "__main__":
    main()
