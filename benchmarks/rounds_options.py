"""The command line of a measurement that runs in rounds."""

from __future__ import annotations

import argparse


def rounds_parser(name: str, description: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """Return the parser of `python -m benchmarks.NAME`, with `--rounds`, `rounds` by default, and `--quick`."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each way runs")
    parser.add_argument("--quick", action="store_true", help="few images, and nothing is written to the docs")
    return parser
