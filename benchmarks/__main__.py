"""Runs the measurements, each in a process of its own: `python -m benchmarks [NAME…] [--quick]`."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.provenance import ROOT

SIZED = (
    *("prepare", "writing", "fast", "reading", "scaling", "simd", "words", "batches", "pairs", "devise", "search"),
    *("increment", "prefect_share", "dashboard"),
)
"""Those that have a quick form; the others take the time that they take."""
NAMES = (*SIZED, "verify", "fidelity", "damage")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)} or all (the default)")
    parser.add_argument("--quick", action="store_true", help=f"few rounds of {' and '.join(SIZED)}, not for the docs")
    options = parser.parse_args()
    unknown = set(options.names) - {*NAMES, "all"}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}, all")
    chosen = NAMES if "all" in options.names or not options.names else options.names
    return max([run(name, quick=options.quick) for name in chosen])


def run(name: str, *, quick: bool) -> int:
    """Run one measurement and return 1 if it failed, else 0; the others go on after a failure."""
    print(f"## {name}\n", flush=True)
    arguments = ["--quick"] if quick and name in SIZED else []
    finished = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], cwd=ROOT, check=False)
    return int(finished.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
