"""Exact search: ours over memory-mapped unit vectors, beside gensim's most_similar and scikit-learn's brute force.

All look for the same 10 nearest of the same vectors with the same 256 queries, on one core, in turn, each in a process
of its own, and have to find the same rows. gensim takes one query at a time; the others take one, or all at once. CPU
milliseconds a query are those of answering alone; "open" is all from a file in the page cache to the first answer,
without starting Python and importing. Writes a table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.provenance import ROOT, provenance
from benchmarks.targets import Target, missed, target_table

ROUNDS, QUICK_ROUNDS = 5, 1
ROWS = (51_600, 82_115)
"""What fast.ai's notebook matched with Google's vectors, and all nouns of WordNet; as many images cost the same."""
DIMENSIONS, QUERIES, COUNT = 300, 256, 10
ONE_AT_A_TIME = 64
"""So many queries are asked singly."""
OURS, GENSIM, SKLEARN = "ours: nearest_rows", "gensim: KeyedVectors.most_similar", "scikit-learn: NearestNeighbors"
MODULES = {OURS: "tasks.ops.exact_search", GENSIM: "gensim", SKLEARN: "sklearn.neighbors"}
ONE_CORE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

Vectors = NDArray[np.float32]
Ask = Callable[[Vectors], NDArray[np.int64]]
"""`(q, d)` queries of length 1 → `(q, COUNT)` rows."""


def write_vectors(folder: Path, rows: int) -> None:
    """Write random unit vectors as a file of numpy and as one of gensim, and unit queries, each near some row."""
    from gensim.models import KeyedVectors

    random = np.random.default_rng(rows)
    vectors = random.standard_normal((rows, DIMENSIONS), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = vectors[random.choice(rows, QUERIES, replace=False)]
    queries = near + 0.05 * random.standard_normal(near.shape, np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "queries.npy", queries)
    keyed = KeyedVectors(DIMENSIONS)
    keyed.add_vectors([str(row) for row in range(rows)], vectors)
    keyed.save(str(folder / "gensim.kv"))


# ---- In processes of their own


def by_us(folder: Path) -> Ask:
    """Return how we answer."""
    from storage.npy_files import mapped_npy
    from tasks.ops.exact_search import nearest_rows

    vectors = mapped_npy(folder / "vectors.npy", "<f4", 2)
    return lambda queries: nearest_rows(queries, vectors, count=COUNT).rows


def by_gensim(folder: Path) -> Ask:
    """Return how gensim answers: by name, which stands for the row here."""
    from gensim.models import KeyedVectors

    keyed = KeyedVectors.load(str(folder / "gensim.kv"), mmap="r")

    def ask(queries: Vectors) -> NDArray[np.int64]:
        found = [keyed.most_similar(positive=[query], topn=COUNT) for query in queries]
        return np.array([[int(name) for name, _ in one] for one in found])

    return ask


def by_sklearn(folder: Path) -> Ask:
    """Return how scikit-learn answers."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=COUNT, metric="cosine", algorithm="brute")
    index.fit(np.load(folder / "vectors.npy", mmap_mode="r"))
    return lambda queries: np.asarray(index.kneighbors(queries, return_distance=False))


WAYS: dict[str, Callable[[Path], Ask]] = {OURS: by_us, GENSIM: by_gensim, SKLEARN: by_sklearn}


def measure_here(way: str, folder: Path) -> None:
    """Print as JSON what one way costs in this process, and the rows that it finds."""
    # Importing is no part of it.
    import_module(MODULES[way])
    import_module("storage.npy_files")
    queries = np.load(folder / "queries.npy")
    began = time.process_time()
    ask = WAYS[way](folder)
    ask(queries[:1])
    opened = time.process_time() - began
    began = time.process_time()
    for query in queries[:ONE_AT_A_TIME]:
        ask(query[None])
    singly = (time.process_time() - began) / ONE_AT_A_TIME
    began = time.process_time()
    rows = ask(queries)
    together = (time.process_time() - began) / len(queries)
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    costs = {"open": opened, "singly": singly, "together": together, "peak": 1024 * int(found[1]) if found else 0}
    print(json.dumps({"costs": costs, "rows": rows.tolist()}))


def measured(way: str, folder: Path) -> tuple[dict[str, float], list[list[int]]]:
    """Return what `measure_here` prints in a process of its own, on one core."""
    command = [sys.executable, "-m", "benchmarks.search", "--measure", way, str(folder)]
    environment = {**os.environ, **ONE_CORE}
    run = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    told = json.loads(run.stdout)
    return told["costs"], told["rows"]


# ---- Here


def measured_rounds(rows: int, place: Path, rounds: int) -> list[dict[str, dict[str, float]]]:
    """Return what each way cost in each round, after one of each that does not count.

    Raises:
        ValueError: two ways found different rows.
    """
    folder = place / str(rows)
    folder.mkdir()
    write_vectors(folder, rows)
    found = []
    for _ in range(rounds + 1):
        answers = {way: measured(way, folder) for way in WAYS}
        if any(answer != answers[OURS][1] for _, answer in answers.values()):
            raise ValueError(f"the ways find different rows among {rows:,}")
        found.append({way: costs for way, (costs, _) in answers.items()})
    return found[1:]


def table(rounds: list[dict[str, dict[str, float]]], rows: int) -> tuple[str, list[Target]]:
    """Return the table for one number of rows in Markdown, and the targets."""

    def middle(way: str, what: str) -> float:
        return median(one[way][what] for one in rounds)

    def ratio(way: str, what: str) -> float:
        return median(one[way][what] / one[OURS][what] for one in rounds)

    lines: list[tuple[object, ...]] = [
        (
            way,
            f"{1e3 * middle(way, 'singly'):.2f}",
            f"{1e3 * middle(way, 'together'):.2f}",
            f"{1e3 * middle(way, 'open'):.0f}",
            f"{middle(way, 'peak') / 1e6:,.0f}",
        )
        for way in WAYS
    ]
    head = (
        f"{rows:,} × {DIMENSIONS}, median of {len(rounds)}",
        "CPU ms a query, one at a time",
        f"{QUERIES} at once",
        "open and first answer, CPU ms",
        "peak memory, MB",
    )
    # One at a time, to read all vectors from memory once is most of the work, and both do no more.
    targets = [
        Target(f"{rows:,}: gensim / ours, one at a time", ratio(GENSIM, "singly"), 0.9, is_least=True),
        Target(f"{rows:,}: scikit-learn / ours, one at a time", ratio(SKLEARN, "singly"), 1, is_least=True),
        Target(f"{rows:,}: scikit-learn / ours, {QUERIES} at once", ratio(SKLEARN, "together"), 1, is_least=True),
        Target(
            f"{rows:,}: {QUERIES} at once, CPU s", QUERIES * middle(OURS, "together"), round(0.3 * rows / ROWS[0], 2)
        ),
    ]
    return markdown_table(head, lines), targets


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks search", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, not for the docs")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        way, folder = options.measure
        return measure_here(way, Path(folder))
    origin = provenance("python -m benchmarks search", ["numpy", "gensim", "scikit-learn"])
    (ROOT / "build").mkdir(exist_ok=True)
    texts, targets = [], []
    with tempfile.TemporaryDirectory(prefix="search-", dir=ROOT / "build") as place:
        for rows in ROWS:
            text, its = table(measured_rounds(rows, Path(place), QUICK_ROUNDS if options.quick else ROUNDS), rows)
            texts.append(text)
            targets += its
    written = "\n\n".join([origin, *texts, target_table(targets)])
    for sentence in missed(targets):
        print(f"MISSED {sentence}", file=sys.stderr)
    if options.quick:
        print(f"{written}\n\nToo few rounds for the docs; without --quick the tables are written there.")
        return
    write_between_markers("performance.md", "search beside others", written)


if __name__ == "__main__":
    main()
