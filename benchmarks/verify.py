"""`verify --full` beside `cat` of the same files into the same hash, which is as fast as reading can be.

Both read from a warm page cache, in turn. Writes a table of docs/performance.md.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import blake3

from benchmarks.demo_files import drawn_demo_set
from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.provenance import ROOT, provenance
from storage.tiers import Tiers
from storage.verification import verified

DATASET = "verified"
TARGET = 0.70
ROUNDS = 9
HASH = "import blake3; h = blake3.blake3(); [h.update(b) for b in iter(lambda: sys.stdin.buffer.read(1 << 20), b'')]"


def published(source: Path, root: Path) -> Tiers:
    """Publish the benchmark's images at 288 and 224 pixels below `root`; return the roots."""
    arguments = [
        "prepare",
        source,
        "--dataset",
        DATASET,
        "--slow",
        root,
        "--size",
        "288",
        "--size",
        "224",
        "--max-refused",
        "1",
    ]
    command = [sys.executable, "-m", "flows.command_line", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return Tiers(root, root)


def hashed_files(tiers: Tiers) -> list[Path]:
    """Return the files that `verify --full` hashes: all objects, and the spares."""
    folder = tiers.authority(DATASET)
    return sorted(path for part in (folder.objects, folder.spares) for path in part.rglob("*") if path.is_file())


def seconds_of(work: Callable[[], object]) -> float:
    """Return the wall seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def by_cat(files: list[Path]) -> None:
    """Hash the files as one stream that `cat` reads."""
    with subprocess.Popen(["cat", *files], stdout=subprocess.PIPE) as cat:
        subprocess.run([sys.executable, "-S", "-c", _with_packages(HASH)], stdin=cat.stdout, check=True)


def by_library(tiers: Tiers) -> None:
    """Verify everything in this process."""
    found = verified(tiers, DATASET, share=1.0)
    assert found.is_whole, found.damages


def by_command(tiers: Tiers) -> None:
    """Verify everything by the command, its start included."""
    command = [sys.executable, "-m", "flows.command_line", "verify", DATASET, "--slow", str(tiers.slow), "--full"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _with_packages(code: str) -> str:
    # Without `site`, Python starts in a moment; all it needs is the folder of the one package.
    folder = Path(blake3.__file__).parent.parent
    return f"import sys; sys.path.append({str(folder)!r}); {code}"


def main() -> None:
    origin = provenance("python -m benchmarks verify", ["blake3", "h5py"])
    with tempfile.TemporaryDirectory(prefix="verify-", dir=ROOT / "build") as scratch:
        tiers = published(drawn_demo_set(), Path(scratch))
        files = hashed_files(tiers)
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        ways: dict[str, Callable[[], None]] = {
            "`cat` into BLAKE3": lambda: by_cat(files),
            "`storage.verification.verified`": lambda: by_library(tiers),
            "`imagemill verify --full`, start included": lambda: by_command(tiers),
        }
        rounds = [{name: seconds_of(way) for name, way in ways.items()} for _ in range(ROUNDS + 1)][1:]
    base = next(iter(ways))
    ratios = {name: median(one[base] / one[name] for one in rounds) for name in ways}
    speeds = {name: megabytes / median(one[name] for one in rounds) for name in ways}
    rows: list[tuple[object, ...]] = [
        (name, f"{speeds[name]:,.0f}", f"{ratios[name]:.2f}", "" if name == base else f"≥ {TARGET}") for name in ways
    ]
    head = (f"{megabytes:,.0f} MB, {len(files)} files", f"MB/s, median of {ROUNDS}", "of `cat`, median", "target")
    write_between_markers("performance.md", "verify beside cat", f"{origin}\n\n{markdown_table(head, rows)}")
    for name, ratio in ratios.items():
        if ratio < TARGET:
            print(f"MISSED {name}: {ratio:.2f}, expected at least {TARGET}", file=sys.stderr)


if __name__ == "__main__":
    main()
