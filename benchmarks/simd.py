"""Pillow-SIMD's resize beside plain Pillow's, which gets an environment of its own in build/.

Both run the code that `imagemill doctor` runs, in turn, and the least of the rounds counts. Writes a table of
docs/performance.md, and prints what tasks/ops/resize_speed.py should hold as PLAIN_PILLOW_IN_DECODES.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.provenance import ROOT, provenance
from tasks.ops.resize_speed import HEIGHT, SIDE, WIDTH, ResizeSpeed

PLAIN_PILLOW = "12.1.1"
PLAIN_ENVIRONMENT = ROOT / "build" / "plain-pillow"
TARGETS = {"bilinear": 3.0, "bicubic": 3.0, "lanczos": 4.0}
ROUNDS, QUICK_ROUNDS = 12, 3

Speeds = dict[str, ResizeSpeed]
"""By the name of the filter."""


def plain_python() -> Path:
    """Return the interpreter of an environment with plain Pillow, all else as in this one; made once."""
    python, stamp = PLAIN_ENVIRONMENT / "bin" / "python", PLAIN_ENVIRONMENT / "packages.txt"
    packages = [f"pillow=={PLAIN_PILLOW}", *(f"{name}=={version(name)}" for name in ("numpy", "simplejpeg"))]
    if not stamp.exists() or stamp.read_text().split() != packages:
        subprocess.run([sys.executable, "-m", "venv", "--clear", PLAIN_ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.write_text("\n".join(packages))
    return python


def speeds_by(python: Path | str) -> Speeds:
    """Measure once with the interpreter `python`, in a process of its own."""
    command = [str(python), "-m", "benchmarks.resize_costs"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return {entry["interpolation"]: ResizeSpeed(**entry) for entry in json.loads(output)}


def least(rounds: list[Speeds]) -> Speeds:
    """Return the least cost of each filter, and of the decode, over all rounds."""
    decode_ms = min(speed.decode_ms for speeds in rounds for speed in speeds.values())
    return {name: ResizeSpeed(name, min(speeds[name].cpu_ms for speeds in rounds), decode_ms) for name in rounds[0]}


def speed_table(ours: Speeds, plain: Speeds) -> str:
    """Return CPU ms of a resize by both, and how many times quicker ours is."""
    head = (f"{WIDTH}×{HEIGHT} to {SIDE}", f"Pillow {PLAIN_PILLOW}, ms", "ours, ms", "times", "target", "decodes")
    rows: list[tuple[object, ...]] = [
        (
            name,
            f"{plain[name].cpu_ms:.3f}",
            f"{ours[name].cpu_ms:.3f}",
            f"{times_quicker(ours, plain, name):.1f}",
            f"≥ {target:g}",
            f"{plain[name].in_decodes:.2f}",
        )
        for name, target in TARGETS.items()
    ]
    return markdown_table(head, rows)


def times_quicker(ours: Speeds, plain: Speeds, name: str) -> float:
    return plain[name].cpu_ms / ours[name].cpu_ms


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simd", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, and nothing is written to the docs")
    quick = parser.parse_args().quick
    python, origin = plain_python(), provenance("python -m benchmarks simd", ["numpy"])
    rounds = [(speeds_by(sys.executable), speeds_by(python)) for _ in range(QUICK_ROUNDS if quick else ROUNDS)]
    ours, plain = least([first for first, _ in rounds]), least([second for _, second in rounds])
    table = f"{origin}\n\n{speed_table(ours, plain)}"
    if quick:
        print(f"{table}\n\nToo few rounds for the docs; without --quick they are written there.")
    else:
        write_between_markers("performance.md", "resize beside plain Pillow", table)
    print("PLAIN_PILLOW_IN_DECODES =", {name: round(speed.in_decodes, 2) for name, speed in plain.items()})
    for name, target in TARGETS.items():
        if times_quicker(ours, plain, name) < target:
            print(f"MISSED {name}: {times_quicker(ours, plain, name):.2f}, expected at least {target}", file=sys.stderr)


if __name__ == "__main__":
    main()
