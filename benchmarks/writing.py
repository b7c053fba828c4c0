"""What one more image costs to write, and a run before its first: ours beside what users pick instead.

The same JPEG files become the same rows of 224 pixels on the same disk, two workers each. Every round runs all ways
in turn, with few and with many images: what the two differ by is the cost of one more image (the slope), and what is
left is fixed. Writes a table and a chart of docs/performance.md.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.bar_chart import write_bar_chart
from benchmarks.demo_files import drawn_demo_set, first_names, read_all, sound_paths
from benchmarks.documents import markdown_table
from benchmarks.peer_environments import img2dataset_python, mosaicml_python, peers_python, version_in
from benchmarks.process_costs import Cost, measured
from benchmarks.provenance import ROOT, provenance
from benchmarks.rounds_options import rounds_parser
from benchmarks.targets import Target, report, target_table
from benchmarks.writing_ways import BARE, SIDE, WORKERS, Way, bare_loop, our_prepare, ratio, run_in_turn

ROUNDS = 3
FEW, MANY = 1000, 5000
QUICK_FEW, QUICK_MANY = 200, 800
EXACT = "Imagemill, HDF5, exact"
THREE_SIZES = "Imagemill, HDF5, exact, 224, 160 and 96 px"
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
BY_HAND = "memmap"
"""Nothing that anybody installs: the least that storing pixels can cost with stock Pillow."""
ELSEWHERE = (("FFCV, raw (measured elsewhere, on a machine of this kind)", 3.68, 5.2),)


def main() -> None:
    options = _parsed_options()
    few, many = (QUICK_FEW, QUICK_MANY) if options.quick else (FEW, MANY)
    source = drawn_demo_set()
    read_all(source, first_names(source, many))
    place = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="writing-"))
    ways = _ways(source, place, (few, many), options.only)
    origin = provenance("python -m benchmarks writing", ["h5py", "prefect", "blake3", "numpy"])
    try:
        run_in_turn(ways, few, many, rounds=1 if options.quick else options.rounds, place=place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    _report(ways, origin, for_docs=not options.quick and len(options.only) == len(PEERS))


def _ways(source: Path, place: Path, counts: tuple[int, int], only: list[str]) -> list[Way]:
    listings = {count: _listing(source, place, count) for count in counts}
    pythons: dict[str, Path] = {}
    for way in only:
        makers = {"img2dataset": img2dataset_python, "mosaicml": mosaicml_python}
        pythons[way] = makers.get(way, peers_python)()

    def peer(way: str) -> Callable[[int, Path], Cost]:
        command = [str(pythons[way]), "-m", "benchmarks.peers.writers", way]
        return lambda count, folder: measured(
            [*command, str(listings[count]), str(folder), str(SIDE), str(WORKERS)], {"HF_DATASETS_OFFLINE": "1"}
        )

    found = [Way(BARE, bare_loop(lambda count: sound_paths(source, first_names(source, count)), place))]
    found += [Way(label, our_prepare(source, place, flags), is_ours=True) for label, flags in OURS.items()]
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


def _report(ways: list[Way], origin: str, *, for_docs: bool) -> None:
    bare = next(way for way in ways if way.label == BARE)
    ways.sort(key=lambda way: way.slope_ms)
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
            f"{ratio(way, bare):.2f}",
            f"{way.fixed_seconds:.1f}",
            f"{way.rate:,.0f}",
            f"{way.peak_megabytes:,.0f}",
            f"{way.bytes / 1e6:,.0f}",
            way.note,
        )
        for way in ways
    ]
    rows += [(label, f"{slope:.2f}", "", f"{fixed:.1f}", "", "", "", "") for label, slope, fixed in ELSEWHERE]
    found = _targets(ways)
    tables = "\n\n".join((origin, markdown_table(head, rows), target_table(found)))
    if for_docs:
        bars = [(way.label, way.slope_ms, way.is_ours) for way in ways]
        write_bar_chart("writing", "Writing: CPU milliseconds of one more image, all processes", bars)
        tables = "![CPU milliseconds of one more image](images/writing.svg)\n\n" + tables
    report("writing beside its peers", tables, found, for_docs=for_docs)


def _targets(ways: list[Way]) -> list[Target]:
    named = {way.label: way for way in ways}
    exact, peers = named[EXACT], [way for way in ways if not way.is_ours and way.label != BARE]
    found = [
        Target("exact / bare loop", ratio(exact, named[BARE]), 1.25),
        Target("three sizes / the largest alone", ratio(named[THREE_SIZES], exact), 1.25),
        Target("exact, fixed, CPU s", exact.fixed_seconds, 13),
    ]
    tools = [way for way in peers if not way.label.startswith(PEERS[BY_HAND][0])]
    if tools:
        cheapest = min(tools, key=lambda way: way.slope_ms)
        found.append(Target(f"exact / the cheapest tool, {cheapest.label}", ratio(exact, cheapest), 0.7))
    return found


def _parsed_options() -> argparse.Namespace:
    parser = rounds_parser("writing", __doc__, rounds=ROUNDS)
    parser.add_argument("--only", nargs="*", default=[*PEERS], choices=PEERS, help="which of the others")
    return parser.parse_args()


if __name__ == "__main__":
    main()
