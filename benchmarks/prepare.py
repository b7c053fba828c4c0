"""CPU time and memory of `imagemill prepare` beside the bare loop: decode and resize, store nothing.

Every round runs all ways in turn. Two numbers of images part the cost of one more image (the slope) from what
a run costs before its first (the fixed part). Writes the tables of docs/performance.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.demo_files import SEED, drawn_demo_set, first_names, read_all, sound_paths
from benchmarks.documents import write_between_markers
from benchmarks.prepare_rounds import Line, Round
from benchmarks.prepare_table import cpu_table, memory_table, missed
from benchmarks.process_costs import Cost, measured
from benchmarks.provenance import ROOT, provenance
from benchmarks.rounds_options import rounds_parser

SIDE, WORKERS, ROUNDS = 224, 2, 3
FEW, MANY = 1000, 5000
QUICK_FEW, QUICK_MANY = 200, 1000
TRIVIAL = "import flows.command_line; from benchmarks.trivial_flow import trivial; trivial()"
"""The settings of our command line must stand before Prefect is imported."""
SERVER_START_SECONDS = 180
"""Prefect gives its temporary server 20 s to start, too little while a machine does something else."""
LIBRARIES = ("h5py", "prefect", "blake3", "numpy")


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a measurement takes place: the images, and a folder for everything that it writes."""

    source: Path
    folder: Path

    @property
    def used_home(self) -> Path:
        """A Prefect home that every run but the first finds in use."""
        return self.folder / "prefect"

    def fresh_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    def prepare(self, count: int, home: Path) -> Cost:
        """Publish `count` images into a fresh root."""
        command = [sys.executable, "-m", "flows.command_line", "prepare", str(self.source), "--dataset", "benchmark"]
        command += ["--slow", str(self.fresh_folder()), "--size", str(SIDE), "--format", "hdf5"]
        # Among few images there may be more broken ones than in the whole set.
        command += ["--max-refused", "0.05", "--workers", str(WORKERS), "--seed", str(SEED), "--limit", str(count)]
        cost = measured([*command, "--json"], prefect_settings(home))
        found = json.loads(cost.output)
        if (found["status"], found["built_images"]) != ("published", count):
            raise ValueError(f"expected {count} images built and published, got {found}")
        return cost

    def bare_loop(self, count: int) -> Cost:
        """Decode and resize the sound ones of the same images."""
        listing = self.folder / f"{count}.txt"
        listing.write_text("\n".join(sound_paths(self.source, first_names(self.source, count))))
        return measured([sys.executable, "-m", "benchmarks.bare_loop", str(listing), str(SIDE), str(WORKERS)])

    def trivial_flow(self, home: Path) -> Cost:
        return measured([sys.executable, "-c", TRIVIAL], prefect_settings(home))

    def round(self, few: int, many: int) -> Round:
        """Run every way once, in turn, and tell on standard error what each cost."""
        prepare_few, bare_few = self.prepare(few, self.used_home), self.bare_loop(few)
        prepare_many, bare_many = self.prepare(many, self.used_home), self.bare_loop(many)
        prepare, bare_loop = Line(few, prepare_few, many, prepare_many), Line(few, bare_few, many, bare_many)
        found = Round(prepare, bare_loop, self.trivial_flow(self.used_home))
        print(found, file=sys.stderr, flush=True)
        return found


def main() -> None:
    options = rounds_parser("prepare", __doc__, rounds=ROUNDS).parse_args()
    few, many = (QUICK_FEW, QUICK_MANY) if options.quick else (FEW, MANY)
    origin = provenance("python -m benchmarks prepare", LIBRARIES)
    source = drawn_demo_set()
    read_all(source, first_names(source, many))
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="prepare-") as folder:
        bench = Bench(source, Path(folder))
        bench.prepare(few, bench.used_home)
        rounds = [bench.round(few, many) for _ in range(options.rounds)]
        fresh_prepare = bench.prepare(few, bench.fresh_folder())
        fresh_trivial = bench.trivial_flow(bench.fresh_folder())
    tables = "\n\n".join((origin, cpu_table(rounds, fresh_prepare, fresh_trivial), memory_table(rounds)))
    if options.quick:
        print(f"{tables}\n\nToo few images for the docs; without --quick they are written there.")
    else:
        write_between_markers("performance.md", "prepare beside the bare loop", tables)
    for sentence in missed(rounds, fresh_prepare):
        print(f"MISSED {sentence}", file=sys.stderr)


def prefect_settings(home: Path) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(SERVER_START_SECONDS),
    }


if __name__ == "__main__":
    main()
