"""Random epochs of 20,000 rows at 224 pixels: ours beside what users pick instead, on the same rows.

Every way reads batches of 64 with two workers or threads, as its documentation shows; one that has none reads in its
one process. The first epoch begins with nothing in the page cache, and of the others the best counts. Writes a table
and a chart of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bar_chart import write_bar_chart
from benchmarks.demo_files import drawn_demo_set, linked
from benchmarks.documents import markdown_table
from benchmarks.peer_environments import mosaicml_python, peers_python, version_in
from benchmarks.peers.readers import BATCH, SHUFFLED_BY_THEMSELVES, WAYS
from benchmarks.provenance import ROOT, provenance
from benchmarks.shuffle_quality import CHUNK, ShuffleQuality, shuffle_quality
from benchmarks.targets import Target, report, target_table
from storage import open_version
from storage.shuffling import epoch_order
from storage.tiers import Tiers
from storage.versions import current_version

IMAGES, EPOCHS = 20_000, 4
QUICK_IMAGES, QUICK_EPOCHS = 2_000, 2
FFCV = 73_800
"""Images per second of FFCV's raw reader on a machine of this kind; its package does not build here."""
PACKAGES = {
    "jpeg_folder": ("JPEG files of 224 px, torchvision ImageFolder", "torchvision"),
    "memmap": ("np.memmap", "numpy"),
    "h5py_row": ("HDF5, h5py row by row", "h5py"),
    "bcolz_row": ("bcolz, row by row", "bcolz-zipline"),
    "zarr": ("zarr 3, shards of 256 rows", "zarr"),
    "webdataset": ("webdataset, JPEG, shuffle buffer of 1,000", "webdataset"),
    "litdata": ("litdata, arrays", "litdata"),
    "mosaicml": ("mosaicml-streaming, arrays", "mosaicml-streaming"),
}
"""What a way is called in the table, and the package whose version counts."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one way came to: images per second from a warm and a cold cache, CPU ms per image, bytes on disk."""

    label: str
    warm: float
    cold: float
    cpu_ms: float
    megabytes: float
    is_ours: bool

    @staticmethod
    def of(label: str, told: list[dict[str, float]], folder: Path, *, is_ours: bool) -> Reading:
        best = max(told[1:], key=lambda epoch: epoch["rate"])
        return Reading(label, best["rate"], told[0]["rate"], best["cpu_ms"], _megabytes(folder), is_ours)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows, and nothing is written to the docs")
    parser.add_argument("--only", nargs="*", default=[*WAYS], choices=WAYS, help="which of the others")
    options = parser.parse_args()
    images, epochs = (QUICK_IMAGES, QUICK_EPOCHS) if options.quick else (IMAGES, EPOCHS)
    folder = ROOT / "build" / f"reading-{images}"
    pythons = {way: mosaicml_python() if way == "mosaicml" else peers_python() for way in options.only}
    source = linked(drawn_demo_set(), images)
    tiers = {name: _published(source, folder, name, images) for name in ("hdf5", "bcolz")}
    for way in options.only:
        _build(way, pythons[way], _joined_file(tiers["hdf5"]), folder / way)
    origin = provenance("python -m benchmarks reading", ["h5py", "crc32c"])
    found = []
    for name in tiers:
        found += [_ours(name, tiers[name], epochs, check=check) for check in (False, True)]
    for way in options.only:
        label, package = PACKAGES[way]
        told = _told([str(pythons[way]), "-m", "benchmarks.peers.readers", "read", way, str(folder / way), str(epochs)])
        found.append(Reading.of(f"{label} ({version_in(pythons[way], package)})", told, folder / way, is_ours=False))
    labels = _labels(tiers["hdf5"])
    ours = epoch_order(len(labels), seed=0, epoch=1)
    shuffles = {"Imagemill, and every way that reads a permutation": shuffle_quality(ours, labels, batch=BATCH)}
    for way in (way for way in SHUFFLED_BY_THEMSELVES if way in options.only):
        order = np.array(_told([str(pythons[way]), "-m", "benchmarks.peers.readers", "order", way, str(folder / way)]))
        shuffles[PACKAGES[way][0]] = shuffle_quality(order, labels, batch=BATCH)
    shuffle_table = _shuffle_table(shuffles, len(labels))
    _report(found, origin, images, shuffle_table, for_docs=not options.quick and len(options.only) == len(WAYS))


def _labels(tiers: Tiers) -> NDArray[np.int64]:
    with open_version(tiers, "hdf5", access="sequential") as version:
        return version.labels


def _shuffle_table(shuffles: dict[str, ShuffleQuality], rows: int) -> str:
    lines: list[tuple[object, ...]] = [
        (label, f"{found.distance:.2f}", f"{found.together:.1%}", f"{found.classes:.1f}")
        for label, found in shuffles.items()
    ]
    lines.append(("*chance*", "0.29", f"{CHUNK / rows:.1%}", ""))
    head = (
        "shuffle",
        "how far apart neighbours on disk are read, of the epoch",
        f"pairs in a batch from the same {CHUNK:,} rows on disk",
        f"classes in a batch of {BATCH}",
    )
    return markdown_table(head, lines)


def _report(found: list[Reading], origin: str, images: int, shuffle_table: str, *, for_docs: bool) -> None:
    found.sort(key=lambda reading: -reading.warm)
    head = (f"{images:,} rows of 224×224×3", "images/s, warm", "images/s, cold", "CPU ms per image", "MB on disk")
    rows: list[tuple[object, ...]] = [
        (
            f"**{reading.label}**" if reading.is_ours else reading.label,
            f"{reading.warm:,.0f}",
            f"{reading.cold:,.0f}",
            f"{reading.cpu_ms:.3f}",
            f"{reading.megabytes:,.0f}",
        )
        for reading in found
    ]
    rows.append(("FFCV, raw rows (measured elsewhere, on a machine of this kind)", f"{FFCV:,}", "", "", ""))
    table = f"{origin}\n\n{markdown_table(head, rows)}"
    found_targets = _targets(found)
    tables = "\n\n".join((table, target_table(found_targets), shuffle_table))
    if for_docs:
        bars = [(reading.label, reading.warm, reading.is_ours) for reading in found]
        write_bar_chart("reading", "Random epochs, images per second, page cache warm", bars)
        tables = "![Images per second](images/reading.svg)\n\n" + tables
    report("reading beside its peers", tables, found_targets, for_docs=for_docs)


def _targets(found: list[Reading]) -> list[Target]:
    rates = {reading.label: reading.warm for reading in found}
    others = [reading.warm for reading in found if not reading.is_ours]
    unchecked, checked = (rates[_label("hdf5", check=check)] for check in (False, True))
    wanted = [
        Target("HDF5, checked when staged, beside FFCV elsewhere, images/s", unchecked, FFCV, is_least=True),
        Target("HDF5, every row checked, beside half of that, images/s", checked, FFCV / 2, is_least=True),
        Target("bcolz, checked when staged, images/s", rates[_label("bcolz", check=False)], 20_000, is_least=True),
    ]
    if others:
        wanted.insert(
            0, Target("HDF5, checked when staged / the fastest other", unchecked / max(others), 1, is_least=True)
        )
    return wanted


def _label(name: str, *, check: bool) -> str:
    return f"Imagemill, {name}, {'every row checked' if check else 'checked when staged'}"


def _ours(name: str, tiers: Tiers, epochs: int, *, check: bool) -> Reading:
    flags = ["--check"] if check else []
    command = [sys.executable, "-m", "benchmarks.our_reader", str(tiers.slow), str(tiers.fast), name, str(epochs)]
    return Reading.of(_label(name, check=check), _told([*command, *flags]), tiers.fast, is_ours=True)


def _told(command: list[str]) -> Any:
    print(f"{' '.join(command[2:])}", file=sys.stderr, flush=True)
    # Some peers print of their own; the figures are the last line.
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def _published(source: Path, folder: Path, name: str, images: int) -> Tiers:
    """Publish the images in the format `name` and stage them; kept from one run to the next."""
    tiers = Tiers(folder / f"{name}-slow", folder / f"{name}-fast")
    if current_version(tiers.authority(name)) is None:
        command = [sys.executable, "-m", "flows.command_line", "prepare", str(source), "--dataset", name]
        command += ["--slow", str(tiers.slow), "--fast", str(tiers.fast), "--format", name, "--limit", str(images)]
        subprocess.run([*command, "--max-refused", "1"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return tiers


def _joined_file(tiers: Tiers) -> Path:
    folder = tiers.authority("hdf5")
    version = current_version(folder)
    assert version is not None
    return folder.objects / version.views[0].name


def _build(way: str, python: Path, ours: Path, folder: Path) -> None:
    done = folder.with_suffix(".done")
    if not done.exists():
        print(f"writing {folder}", file=sys.stderr, flush=True)
        subprocess.run(["rm", "-rf", folder], check=True)
        command = [python, "-m", "benchmarks.peers.readers", "build", way, ours, folder]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        done.touch()


def _megabytes(folder: Path) -> float:
    return sum(Path(parent, name).stat().st_size for parent, _, names in os.walk(folder) for name in names) / 1e6


if __name__ == "__main__":
    main()
