"""What one more image costs to write, and a run before its first: ours beside what users pick instead.

The same JPEG files become the same rows of 224 pixels on the same disk, two workers each. Every round runs all ways
in turn, with few and with many images: what the two differ by is the cost of one more image (the slope), and what is
left is fixed. Writes a table and a chart of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bar_chart import write_bar_chart
from benchmarks.demo_files import SEED, drawn_demo_set, first_names, read_all, sound_paths
from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.peer_environments import img2dataset_python, mosaicml_python, peers_python, version_in
from benchmarks.prepare_rounds import Line
from benchmarks.process_costs import CommandFailed, Cost, measured
from benchmarks.provenance import ROOT, provenance

SIDE, WORKERS, ROUNDS = 224, 2, 3
FEW, MANY = 1000, 5000
QUICK_FEW, QUICK_MANY = 200, 800
BARE = "bare loop: decode and resize, store nothing"
EXACT = "Imagemill, HDF5, exact"
THREE_SIZES = "Imagemill, HDF5, exact, 224, 160 and 96 px"
MOST_OF_BARE, MOST_OF_PEER, MOST_OF_ONE_SIZE = 1.25, 0.7, 1.25

OURS = {
    EXACT: ["--format", "hdf5"],
    "Imagemill, bcolz, exact": ["--format", "bcolz"],
    "Imagemill, HDF5, fast": ["--format", "hdf5", "--fidelity", "fast"],
    THREE_SIZES: ["--format", "hdf5", "--size", "160", "--size", "96"],
}
"""Our ways, and the options of `prepare` that make them."""
PEERS = {
    "memmap": ("np.memmap, written by processes", "numpy", "no hash, no sync, a bad file ends it, no resuming"),
    "bcolz_threads": ("threads, Pillow, bcolz (the notebook's way)", "bcolz-zipline", "as np.memmap"),
    "torchvision_h5py": ("torchvision, DataLoader → h5py", "torchvision", "as np.memmap"),
    "webdataset_jpeg": ("webdataset, JPEG of quality 95", "webdataset", "rows are lossy and decoded again each epoch"),
    "mosaicml": ("mosaicml-streaming, arrays", "mosaicml-streaming", "no sync, a bad file ends it, no resuming"),
    "litdata": ("litdata optimize, arrays", "litdata", "no hash, no sync, a bad file ends it"),
    "huggingface": ("Hugging Face datasets, map + save_to_disk", "datasets", "no sync, a bad file ends it"),
    "img2dataset": ("img2dataset, webdataset of JPEG 95", "img2dataset", "rows are lossy; passes over bad files"),
}
"""Each of the others: what it is called, the package whose version counts, and what it does not do."""
ELSEWHERE = (("FFCV, raw (measured elsewhere, on a machine of this kind)", 3.68, 5.2),)


@dataclass(slots=True)
class Way:
    """One way to write, the runs of it so far, and the bytes that it left for `many` images."""

    label: str
    run: Callable[[int, Path], Cost]
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


def main() -> None:
    options = _parsed_options()
    few, many = (QUICK_FEW, QUICK_MANY) if options.quick else (FEW, MANY)
    source = drawn_demo_set()
    read_all(source, first_names(source, many))
    place = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="writing-"))
    ways = _ways(source, place, (few, many), options.only)
    origin = provenance("python -m benchmarks writing", ["h5py", "prefect", "blake3", "numpy"])
    try:
        # Prefect's home is made once, and every way has its libraries in the page cache.
        for way in ways:
            _run(way, few, place)
        for _ in range(1 if options.quick else ROUNDS):
            for way in ways:
                way.lines.append(Line(few, _run(way, few, place), many, _run(way, many, place)))
                print(f"{way.label}: {way.lines[-1].slope_ms:.3f} ms, {way.lines[-1].fixed_seconds:.1f} s fixed")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    _report(ways, origin, is_quick=options.quick)


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


def _ways(source: Path, place: Path, counts: tuple[int, int], only: list[str]) -> list[Way]:
    listings = {count: _listing(source, place, count) for count in counts}
    pythons: dict[str, Path] = {}
    for way in only:
        makers = {"img2dataset": img2dataset_python, "mosaicml": mosaicml_python}
        pythons[way] = makers.get(way, peers_python)()

    def bare(count: int, folder: Path) -> Cost:
        paths = place / f"bare-{count}.txt"
        paths.write_text("\n".join(line.rsplit("\t", 1)[0] for line in listings[count].read_text().splitlines()))
        return measured([sys.executable, "-m", "benchmarks.bare_loop", str(paths), str(SIDE), str(WORKERS)])

    def ours(flags: list[str]) -> Callable[[int, Path], Cost]:
        command = [sys.executable, "-m", "flows.command_line", "prepare", str(source), "--dataset", "benchmark"]
        command += [
            "--size",
            str(SIDE),
            "--max-refused",
            "0.05",
            "--workers",
            str(WORKERS),
            "--seed",
            str(SEED),
            *flags,
        ]

        def run(count: int, folder: Path) -> Cost:
            home = {"PREFECT_HOME": str(place / "prefect")}
            cost = measured([*command, "--slow", str(folder), "--limit", str(count), "--json"], home)
            found = json.loads(cost.output)
            if found["built_images"] != count:
                raise ValueError(f"expected {count} images built, got {found}")
            return cost

        return run

    def peer(way: str) -> Callable[[int, Path], Cost]:
        command = [str(pythons[way]), "-m", "benchmarks.peers.writers", way]
        return lambda count, folder: measured(
            [*command, str(listings[count]), str(folder), str(SIDE), str(WORKERS)], {"HF_DATASETS_OFFLINE": "1"}
        )

    found = [Way(BARE, bare)]
    found += [Way(label, ours(flags), is_ours=True) for label, flags in OURS.items()]
    for way in only:
        label, package, note = PEERS[way]
        found.append(Way(f"{label} ({version_in(pythons[way], package)})", peer(way), note))
    return found


def _listing(source: Path, place: Path, count: int) -> Path:
    """Write the paths of the sound ones among the first `count` images, each with its label."""
    paths = sound_paths(source, first_names(source, count))
    labels = {name: label for label, name in enumerate(sorted({Path(path).parent.name for path in paths}))}
    listing = place / f"{count}.tsv"
    listing.write_text("\n".join(f"{path}\t{labels[Path(path).parent.name]}" for path in paths), encoding="utf-8")
    return listing


def _report(ways: list[Way], origin: str, *, is_quick: bool) -> None:
    bare = next(way for way in ways if way.label == BARE)
    head = (
        "way",
        "CPU ms, one more image",
        "× bare loop",
        "CPU s, fixed",
        "images/s",
        "peak PSS, MB",
        "MB on disk",
        "leaves out",
    )
    rows: list[tuple[object, ...]] = [
        (
            f"**{way.label}**" if way.is_ours else way.label,
            f"{way.slope_ms:.2f}",
            f"{way.slope_ms / bare.slope_ms:.2f}",
            f"{way.fixed_seconds:.1f}",
            f"{way.rate:,.0f}",
            f"{way.peak_megabytes:,.0f}",
            f"{way.bytes / 1e6:,.0f}",
            way.note,
        )
        for way in sorted(ways, key=lambda way: way.slope_ms)
    ]
    rows += [(label, f"{slope:.2f}", "", f"{fixed:.1f}", "", "", "", "") for label, slope, fixed in ELSEWHERE]
    table = f"{origin}\n\n{markdown_table(head, rows)}"
    for sentence in missed(ways):
        print(f"MISSED {sentence}", file=sys.stderr)
    if is_quick:
        print(f"{table}\n\nToo few images for the docs; without --quick they are written there.")
        return
    bars = [(way.label, way.slope_ms, way.is_ours) for way in sorted(ways, key=lambda way: way.slope_ms)]
    write_bar_chart("writing", "Writing: CPU milliseconds of one more image, all processes", bars)
    picture = "![CPU milliseconds of one more image](images/writing.svg)"
    write_between_markers("performance.md", "writing beside its peers", f"{picture}\n\n{table}")


def missed(ways: list[Way]) -> list[str]:
    """Return a sentence for each target that was missed."""
    slopes = {way.label: way.slope_ms for way in ways}
    peers = [way.slope_ms for way in ways if not way.is_ours and way.label != BARE]
    checks = [
        ("exact / bare loop", slopes[EXACT] / slopes[BARE], MOST_OF_BARE),
        ("three sizes / the largest alone", slopes[THREE_SIZES] / slopes[EXACT], MOST_OF_ONE_SIZE),
    ]
    if peers:
        checks.append(("exact / the cheapest of the others", slopes[EXACT] / min(peers), MOST_OF_PEER))
    return [f"{name}: {found:.2f}, expected at most {limit}" for name, found, limit in checks if found > limit]


def _parsed_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few images, and nothing is written to the docs")
    parser.add_argument("--only", nargs="*", default=[*PEERS], choices=PEERS, help="which of the others")
    return parser.parse_args()


if __name__ == "__main__":
    main()
