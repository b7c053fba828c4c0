"""What 1% of new images costs: 20,000 prepared, nothing changed, then 200 more in classes that were there.

The images are hard links of the 5,250 of the demonstration set at full scale: shards are made of names as well as of
bytes, so that a picture under a second name is decoded a second time, which the counts show. Work is what the flow
costs, from its beginning to its end: its own process, Prefect's server, and the building by the receipts. Starting all
that costs as much as some thousands of images and differs from run to run by more than 200 of them, so it is told, and
left out of the share. The 200 are prepared alone as well: the line through that and the 20,000 tells what any flow that
publishes costs before its first image, and what the others cost beyond that is work. Writes a table of
docs/performance.md.
"""

from __future__ import annotations

import json
import os
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
from storage.layout import DatasetFolder
from storage.receipts import published_receipt
from storage.versions import read_version

SIDE, WORKERS, ROUNDS = 224, 2, 3
IMAGES, QUICK_IMAGES = 20_000, 1_000
NEW_SHARE, MAX_SHARE = 0.01, 0.03
DATASET = "benchmark"


@dataclass(frozen=True, slots=True)
class Run:
    """One `prepare`: the shards of its version, those that the version before had not, their images, the bytes of the
    files that it wrote and left, and CPU seconds of all processes, of the building by the receipts, and of the flow's
    own process with Prefect's server."""

    shards: int
    new_shards: int
    decoded: int
    bytes: int
    cpu_seconds: float
    building_seconds: float
    own_seconds: float

    @property
    def flow_seconds(self) -> float:
        """CPU seconds from the flow's beginning to its end."""
        return self.building_seconds + self.own_seconds


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one round: three into one root, and the new images alone into another."""

    first: Run
    unchanged: Run
    grown: Run
    alone: Run

    def share(self, figure: Callable[[Run], float]) -> float:
        """Return what the new images took of `figure`, in parts of what all the others took."""
        return figure(self.grown) / figure(self.first)

    @property
    def fixed_seconds(self) -> float:
        """CPU seconds of a flow that publishes, without any image."""
        slope = (self.first.flow_seconds - self.alone.flow_seconds) / (self.first.decoded - self.alone.decoded)
        return self.first.flow_seconds - slope * self.first.decoded

    @property
    def share_of_work(self) -> float:
        """The same of the CPU seconds of the flow, less those fixed ones."""
        return self.share(lambda run: run.flow_seconds - self.fixed_seconds)


def main() -> None:
    options = rounds_parser("increment", __doc__, rounds=ROUNDS).parse_args()
    images = QUICK_IMAGES if options.quick else IMAGES
    drawn = drawn_demo_set()
    origin = provenance("python -m benchmarks increment", ["h5py", "prefect"])
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="increment-") as name:
        place = Path(name)
        # Prefect's home is made, and the images are read, before anything counts.
        _prepared(linked(drawn, images), place)
        rounds = [_round(drawn, images, place) for _ in range(1 if options.quick else options.rounds)]
    targets = _targets(rounds)
    tables = "\n\n".join((origin, _table(rounds, images), target_table(targets)))
    report("1% of new images", tables, targets, for_docs=not options.quick)


def _round(drawn: Path, images: int, place: Path) -> Runs:
    few, many = linked(drawn, images), linked(drawn, images + int(NEW_SHARE * images))
    source, new = place / "source", place / "new"
    for folder in (place / "root", source, new):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(few, source, copy_function=os.link)
    first, unchanged = _prepared(source, place), _prepared(source, place)
    for path in many.rglob("*"):
        below = path.relative_to(many)
        if path.is_file() and not (source / below).exists():
            for tree in (source, new):
                (tree / below).parent.mkdir(parents=True, exist_ok=True)
                (tree / below).hardlink_to(path)
    grown = _prepared(source, place)
    shutil.rmtree(place / "root")
    found = Runs(first, unchanged, grown, _prepared(new, place))
    if (first.decoded, found.alone.decoded) != (images, int(NEW_SHARE * images)):
        raise ValueError(f"expected each of {images} images to be decoded, pictures of equal bytes too, got {found}")
    return found


def _prepared(source: Path, place: Path) -> Run:
    """Run `prepare`, and compare root and version with what they were before."""
    root, result = place / "root", place / "result.json"
    folder = DatasetFolder(root / DATASET)
    before, keys = _files(root), _shards(folder)
    command = [sys.executable, "-m", "benchmarks.prefect_ways", "with", str(result), str(source), "--dataset", DATASET]
    command += ["--slow", str(root), "--size", str(SIDE), "--workers", str(WORKERS), "--max-refused", "0.05", "--json"]
    cost = measured(command, prefect_settings(place / "prefect"))
    found, after = json.loads(cost.output), _files(root)
    version = read_version(folder, found["version"])
    receipts = [
        published_receipt(folder, shard.key, shard.identity) for shard in version.shards if shard.key not in keys
    ]
    decoded = sum(receipt.listed for receipt in receipts)
    if decoded != found["built_images"]:
        raise ValueError(f"{decoded} images in new shards, and the command tells of {found['built_images']}")
    run = Run(
        shards=len(version.shards),
        new_shards=len(receipts),
        decoded=decoded,
        bytes=sum(size for path, (number, size) in after.items() if before.get(path) != (number, size)),
        cpu_seconds=cost.cpu_seconds,
        building_seconds=sum(receipt.cpu_seconds for receipt in receipts),
        own_seconds=sum(json.loads(result.read_bytes()).values()),
    )
    print(run, flush=True)
    return run


def _files(root: Path) -> dict[str, tuple[int, int]]:
    """Return inode and bytes of every file below `root`: whatever was written anew has another inode."""
    found = {}
    for parent, _, names in os.walk(root):
        for name in names:
            status = os.lstat(path := os.path.join(parent, name))
            found[path] = status.st_ino, status.st_size
    return found


def _shards(folder: DatasetFolder) -> set[str]:
    numbers = sorted(int(path.stem) for path in folder.versions.glob("*.json"))
    return {shard.key for shard in read_version(folder, numbers[-1]).shards} if numbers else set()


def _table(rounds: list[Runs], images: int) -> str:
    new = int(NEW_SHARE * images)
    rows = [
        _row(rounds, "images decoded", lambda run: run.decoded, lambda value: f"{value:,.0f}"),
        _row(rounds, "shards built", lambda run: run.new_shards, lambda value: f"{value:.0f}"),
        _row(rounds, "shards kept", lambda run: run.shards - run.new_shards, lambda value: f"{value:.0f}"),
        _row(rounds, "MB written", lambda run: run.bytes / 1e6, lambda value: f"{value:,.1f}"),
        _row(rounds, "CPU s, building", lambda run: run.building_seconds, lambda value: f"{value:.2f}"),
        _row(rounds, "CPU s, the flow, building included", lambda run: run.flow_seconds, lambda value: f"{value:.2f}"),
        _row(rounds, "CPU s, all processes of the command", lambda run: run.cpu_seconds, lambda value: f"{value:.1f}"),
    ]
    head = (
        f"median of {len(rounds)}",
        f"{images:,} images",
        "nothing changed",
        f"{new:,} more",
        f"those {new:,} alone",
    )
    return markdown_table(head, rows)


def _row(
    rounds: list[Runs], label: str, figure: Callable[[Run], float], text: Callable[[float], str]
) -> tuple[object, ...]:
    columns = ([getattr(each, name) for each in rounds] for name in ("first", "unchanged", "grown", "alone"))
    return (label, *(text(statistics.median(map(figure, runs))) for runs in columns))


def _targets(rounds: list[Runs]) -> list[Target]:
    """Return the shares in percent, so that two digits of them tell something."""

    def percent(name: str, figure: Callable[[Runs], float]) -> Target:
        return Target(f"{name}, % of the first run", 100 * statistics.median(map(figure, rounds)), 100 * MAX_SHARE)

    return [
        percent("images decoded", lambda it: it.share(lambda run: run.decoded)),
        percent("bytes written", lambda it: it.share(lambda run: run.bytes)),
        percent("CPU of building", lambda it: it.share(lambda run: run.building_seconds)),
        percent("CPU of the flow, less what is fixed", lambda it: it.share_of_work),
    ]


if __name__ == "__main__":
    main()
