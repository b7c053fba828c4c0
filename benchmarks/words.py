"""Reading word vectors of Google's format: ours into a stored matrix with an index, beside gensim into memory.

Both read the same generated file from a warm page cache, in turn, each in a process of its own. CPU and wall seconds
are those of the work alone, without starting Python and importing; memory is all that the process had at its peak.
Writes a table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.provenance import ROOT, provenance
from benchmarks.targets import Target, missed, target_table

ROUNDS = 3
COUNT, QUICK_COUNT, DIMENSIONS = 1_000_000, 50_000, 300
BLOCK = 10_000
ASKED = 1000
"""Words that are looked up after a later open."""
PARTS = ("golden", "Retriever", "of", "San", "NEW", "york", "carrier", "##", "market", "Inc.", "d'Ivoire", "Bay")
OURS, GENSIM, OPEN = "ours: read, store and index", "gensim: load_word2vec_format", "ours: open later, look up"


def phrase(number: int) -> str:
    """Return a phrase of two to four parts, another for each number; one in 50 is not ASCII."""
    parts = [PARTS[number // 12**place % 12] for place in range(1 + number % 3)]
    if number % 50 == 0:
        parts[0] = "Łódź"
    return "_".join([*parts, str(number)])


def write_google_file(path: Path, count: int) -> None:
    """Write `count` words with random vectors as Google's file has them: no line breaks between records."""
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(b"%d %d\n" % (count, DIMENSIONS))
        for first in range(0, count, BLOCK):
            rows = random.standard_normal((min(BLOCK, count - first), DIMENSIONS), np.float32)
            for number, row in enumerate(rows, first):
                file.write(phrase(number).encode() + b" " + row.tobytes())


# ---- In processes of their own


def by_us(source: Path, folder: Path) -> int:
    """Read `source`, store it in `folder`, and return how many words there are."""
    from storage.word_vectors import create_word_vectors
    from tasks.ops.word2vec_files import open_word2vec

    file = open_word2vec(source)
    with create_word_vectors(folder, dimensions=file.dimensions) as writer:
        for words, vectors in file.blocks():
            writer.append(words, vectors)
    return file.count


def by_gensim(source: Path, folder: Path) -> Any:
    """Return what gensim makes of `source`."""
    from gensim.models import KeyedVectors

    return KeyedVectors.load_word2vec_format(str(source), binary=True)


def by_opening(source: Path, folder: Path) -> int:
    """Open what was stored in `folder` and look up `ASKED` words; return how many were found."""
    from storage.word_vectors import open_word_vectors

    found = open_word_vectors(folder)
    rows = [found.row(phrase(number)) for number in range(0, len(found), len(found) // ASKED)]
    assert all(row is not None and found.vectors[row, 0] for row in rows)
    return len(rows)


WAYS: dict[str, Callable[[Path, Path], Any]] = {OURS: by_us, GENSIM: by_gensim, OPEN: by_opening}


def measure_here(way: str, source: Path, folder: Path) -> None:
    """Print as JSON what one way costs in this process, and a checksum of the vectors that it comes to."""
    # Importing is no part of it.
    if way == GENSIM:
        import_module("gensim")
    else:
        import_module("storage.word_vectors")
        import_module("tasks.ops.word2vec_files")
    cpu, wall = time.process_time(), time.perf_counter()
    result = WAYS[way](source, folder)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    peak = 1024 * int(found[1]) if found else 0
    vectors = result.vectors if way == GENSIM else np.load(folder / "vectors.npy", mmap_mode="r")
    checksum = 0
    for first in range(0, len(vectors), BLOCK):
        checksum = crc32(vectors[first : first + BLOCK].tobytes(), checksum)
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": peak, "checksum": checksum}))


def measured(way: str, source: Path, folder: Path) -> dict[str, float]:
    """Return what `measure_here` prints in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.words", "--measure", way, str(source), str(folder)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


# ---- Here


def measured_rounds(count: int, place: Path) -> list[dict[str, dict[str, float]]]:
    """Return what each way cost in each round, after one of each that does not count."""
    source, folder = place / "vectors.bin", place / "stored"
    write_google_file(source, count)
    rounds = []
    for _ in range(ROUNDS + 1):
        shutil.rmtree(folder, ignore_errors=True)
        rounds.append({way: measured(way, source, folder) for way in WAYS})
        checksums = {one["checksum"] for one in rounds[-1].values()}
        if len(checksums) != 1:
            raise ValueError(f"the ways come to different vectors: {rounds[-1]}")
    return rounds[1:]


def tables(rounds: list[dict[str, dict[str, float]]], count: int) -> tuple[str, list[Target]]:
    """Return the tables in Markdown, and the targets."""

    def middle(way: str, what: str) -> float:
        return median(one[way][what] for one in rounds)

    def ratio(what: str) -> float:
        return median(one[OURS][what] / one[GENSIM][what] for one in rounds)

    rows: list[tuple[object, ...]] = [
        (way, f"{middle(way, 'cpu'):.3f}", f"{middle(way, 'wall'):.3f}", f"{middle(way, 'peak') / 1e6:,.0f}")
        for way in WAYS
    ]
    head = (f"{count:,} × {DIMENSIONS}, median of {len(rounds)}", "CPU s", "wall s", "peak memory, MB")
    targets = [
        Target("gensim / ours, CPU", 1 / ratio("cpu"), 3, is_least=True),
        Target("gensim / ours, wall", 1 / ratio("wall"), 3, is_least=True),
        Target("ours / gensim, peak memory", ratio("peak"), 0.33),
        Target(f"later open and {ASKED:,} words, wall s", middle(OPEN, "wall"), 1),
    ]
    return f"{markdown_table(head, rows)}\n\n{target_table(targets)}", targets


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks words", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small file, not for the docs")
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "FILE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        way, source, folder = options.measure
        return measure_here(way, Path(source), Path(folder))
    count = QUICK_COUNT if options.quick else COUNT
    origin = provenance("python -m benchmarks words", ["numpy", "gensim"])
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="words-", dir=ROOT / "build") as place:
        text, targets = tables(measured_rounds(count, Path(place)), count)
    for sentence in missed(targets):
        print(f"MISSED {sentence}", file=sys.stderr)
    if options.quick:
        print(f"{origin}\n\n{text}\n\nToo few words for the docs; without --quick the table is written there.")
        return
    write_between_markers("performance.md", "word vectors beside gensim", f"{origin}\n\n{text}")


if __name__ == "__main__":
    main()
