"""One way to turn image files into arrays, run with few and with many of them; shared by `writing` and `fast`."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.demo_files import SEED
from benchmarks.prepare_rounds import Line
from benchmarks.process_costs import CommandFailed, Cost, measured

SIDE, WORKERS = 224, 2
BARE = "bare loop: decode and resize, store nothing"

Run = Callable[[int, Path], Cost]
"""Runs with so many images into a folder, and returns what that cost."""


@dataclass(slots=True)
class Way:
    """One way to write, the runs of it so far, and the bytes that it left for `many` images."""

    label: str
    run: Run
    note: str = ""
    is_ours: bool = False
    lines: list[Line] = field(default_factory=list)
    bytes: int = 0

    @property
    def slope_ms(self) -> float:
        return statistics.median(line.slope_ms for line in self.lines)

    @property
    def fixed_seconds(self) -> float:
        return statistics.median(line.fixed_seconds for line in self.lines)

    @property
    def rate(self) -> float:
        """Images per second of wall time with many images, start included, at best."""
        return max(line.many_images / line.many.wall_seconds for line in self.lines)

    @property
    def peak_megabytes(self) -> float:
        return max(line.many.peak_bytes for line in self.lines) / 1e6


def ratio(one: Way, other: Way) -> float:
    """Return the median over the rounds of what one more image costs in `one`, in parts of `other`."""
    return statistics.median(
        mine.slope_ms / theirs.slope_ms for mine, theirs in zip(one.lines, other.lines, strict=True)
    )


def run_in_turn(ways: Sequence[Way], few: int, many: int, *, rounds: int, place: Path) -> None:
    """Run every way once, and then in each round all of them with few and with many images."""
    # Prefect's home is made once, and every way has its libraries in the page cache.
    for way in ways:
        _run(way, few, place)
    for _ in range(rounds):
        for way in ways:
            way.lines.append(Line(few, _run(way, few, place), many, _run(way, many, place)))
            print(
                f"{way.label}: {way.lines[-1].slope_ms:.3f} ms, {way.lines[-1].fixed_seconds:.1f} s fixed", flush=True
            )


def _run(way: Way, count: int, place: Path) -> Cost:
    folder = place / "out"
    try:
        return way.run(count, folder)
    except CommandFailed as error:
        raise SystemExit(f"{way.label}: {error}") from error
    finally:
        way.bytes = sum(
            Path(parent, name).stat().st_blocks * 512 for parent, _, names in os.walk(folder) for name in names
        )
        shutil.rmtree(folder, ignore_errors=True)


def bare_loop(files: Callable[[int], Sequence[str]], place: Path) -> Run:
    """Decode and resize the first `count` of these files, and store nothing."""

    def run(count: int, folder: Path) -> Cost:
        paths = place / f"bare-{count}.txt"
        paths.write_text("\n".join(files(count)))
        return measured([sys.executable, "-m", "benchmarks.bare_loop", str(paths), str(SIDE), str(WORKERS)])

    return run


def our_prepare(source: Path, place: Path, flags: Sequence[str]) -> Run:
    """Publish the first `count` images of the shuffle into a fresh root, by the command line."""
    numbers = {"--size": SIDE, "--workers": WORKERS, "--seed": SEED, "--max-refused": 0.05}
    command = [sys.executable, "-m", "flows.command_line", "prepare", str(source), "--dataset", "benchmark"]
    command += [str(part) for option in numbers.items() for part in option]

    def run(count: int, folder: Path) -> Cost:
        home = {"PREFECT_HOME": str(place / "prefect")}
        cost = measured([*command, *flags, "--slow", str(folder), "--limit", str(count), "--json"], home)
        found = json.loads(cost.output)
        if found["built_images"] != count:
            raise ValueError(f"expected {count} images built, got {found}")
        return cost

    return run
