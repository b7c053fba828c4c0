"""Pages of rows of a million: what the dashboard's server takes for each, first and last, by class, with thumbnails.

A real server on this machine is asked by a client that does what a browser does: the page, then its 60 thumbnails over
six connections. Milliseconds of one page are those until all of it came; CPU milliseconds are the server's. Memory is
that of the server's process before the first page, after it, and after all. Writes a table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import psutil

from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.million_rows import CLASSES, NAME, ROWS, million_rows
from benchmarks.provenance import ROOT, provenance
from benchmarks.targets import Target, missed, target_table

PAGES, QUICK_PAGES = 150, 20
CONNECTIONS = 6
WANTED_MS, WANTED_GROWTH = 200, 1.1


@dataclass(frozen=True, slots=True)
class Cost:
    """What one page took: itself, itself with its thumbnails, and the server's CPU for both, in milliseconds."""

    page: float
    whole: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client of a server, and the server's process."""

    client: httpx.Client
    server: psutil.Process

    def looked_at(self, path: str) -> Cost:
        """Fetch a page and all of its pictures."""
        cpu, started = self.cpu, time.perf_counter()
        text = self.client.get(path).raise_for_status().text
        page = time.perf_counter() - started
        pictures = re.findall(r'src="(/datasets/[^"]+\.jpg)"', text)
        with ThreadPoolExecutor(CONNECTIONS) as connections:
            for answer in connections.map(self.client.get, pictures):
                answer.raise_for_status()
        return Cost(1000 * page, 1000 * (time.perf_counter() - started), 1000 * (self.cpu - cpu))

    @property
    def cpu(self) -> float:
        """Seconds that the server has computed."""
        times = self.server.cpu_times()
        return times.user + times.system

    @property
    def megabytes(self) -> float:
        return self.server.memory_info().rss / 1e6


@contextmanager
def visited(root: Path) -> Iterator[Visitor]:
    """Start a dashboard, and yield a client of it."""
    command = [sys.executable, "-m", "flows.command_line", "dashboard", "--slow", str(root), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        base = next(filter(None, (re.match(r"dashboard: (http://\S+)/ ", line) for line in process.stderr)), None)
        if base is None:
            raise RuntimeError("the dashboard did not start")
        with httpx.Client(base_url=base[1], timeout=60, trust_env=False) as client:
            yield Visitor(client, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def kinds_of_pages(count: int) -> dict[str, list[str]]:
    """Return the pages to look at, by what they show."""
    chance = random.Random(0)
    base, last = f"/datasets/{NAME}/1/rows", -(-ROWS // 60)
    of_class = -(-ROWS // len(CLASSES) // 60)
    return {
        "the first pages of all rows": [f"{base}?page={page}" for page in range(1, count // 10 + 2)],
        "the last pages of all rows": [f"{base}?page={last - page}" for page in range(count // 10 + 1)],
        "any page of all rows": [f"{base}?page={chance.randint(1, last)}" for _ in range(count)],
        "any page of any class": [
            f"{base}?class={chance.randrange(len(CLASSES))}&page={chance.randint(1, of_class)}" for _ in range(count)
        ],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pages, and nothing is written")
    options = parser.parse_args()
    line = provenance("python -m benchmarks dashboard", ("starlette", "uvicorn"))
    tiers = million_rows(ROOT / "build" / "million-rows")
    kinds = kinds_of_pages(QUICK_PAGES if options.quick else PAGES)
    with visited(tiers.slow) as visitor:
        empty = visitor.megabytes
        first = visitor.looked_at(kinds["the first pages of all rows"][0])
        after_first = visitor.megabytes
        costs: dict[str, list[Cost]] = {}
        memory: dict[str, float] = {}
        for kind, pages in kinds.items():
            costs[kind] = [visitor.looked_at(page) for page in pages]
            memory[kind] = visitor.megabytes
    rows: list[tuple[object, ...]] = [("the very first page", 1, *_figures([first]), f"{after_first:,.0f}")]
    rows += [(kind, len(found), *_figures(found), f"{memory[kind]:,.0f}") for kind, found in costs.items()]
    head = ("shown", "pages", "page, median ms", "page, slowest", "with 60 thumbnails, median", "CPU ms", "memory, MB")
    every = [first.page, *(cost.page for found in costs.values() for cost in found)]
    growth = visitor_growth(memory)
    targets = [
        Target("slowest page of 1,000,000 rows, ms", max(every), WANTED_MS),
        Target("memory after the last pages by memory half-way", growth, WANTED_GROWTH),
    ]
    table = (
        f"{line}\nBefore the first page: {empty:,.0f} MB.\n\n{markdown_table(head, rows)}\n\n{target_table(targets)}"
    )
    if options.quick:
        print(table)
    else:
        write_between_markers("performance.md", "dashboard", table)
    for sentence in missed(targets):
        print(sentence)
    return int(bool(missed(targets)))


def visitor_growth(memory: dict[str, float]) -> float:
    """Return how much memory there was after pages by class, by that after as many pages of all rows."""
    return memory["any page of any class"] / memory["any page of all rows"]


def _figures(costs: list[Cost]) -> tuple[str, str, str, str]:
    page, whole, cpu = ([getattr(cost, name) for cost in costs] for name in ("page", "whole", "cpu"))
    return (f"{median(page):.0f}", f"{max(page):.0f}", f"{median(whole):.0f}", f"{median(cpu):.0f}")


if __name__ == "__main__":
    sys.exit(main())
