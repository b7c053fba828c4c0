"""`fast` beside the bare loop on images larger than ImageNet's: what one more costs. Writes docs/performance.md.

The photographs are scikit-image's and scikit-learn's, cut at random places, as JPEGs of quality 92.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.demo_files import read_all
from benchmarks.documents import markdown_table
from benchmarks.photos import as_jpeg, photos
from benchmarks.provenance import ROOT, provenance
from benchmarks.targets import Target, report, target_table
from benchmarks.writing_ways import BARE, Way, bare_loop, our_prepare, ratio, run_in_turn

ROUNDS, CUTS, LEAST_CUT = 3, 40, 0.6
COUNTS = {(800, 600): (500, 4000), (1600, 1200): (250, 1750)}
"""Few and many images of each size."""
QUICK_COUNTS = {size: (100, 500) for size in COUNTS}
EXACT, FAST = "Imagemill, exact", "Imagemill, fast"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fast", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few images, and nothing is written to the docs")
    options = parser.parse_args()
    origin = provenance("python -m benchmarks fast", ["h5py", "prefect"])
    rows: list[tuple[object, ...]] = []
    targets: list[Target] = []
    for size, (few, many) in (QUICK_COUNTS if options.quick else COUNTS).items():
        ways = _measured(size, few, many, rounds=1 if options.quick else ROUNDS)
        named, label = {way.label: way for way in ways}, f"{size[0]}×{size[1]}"
        rows += [
            (label, way.label, f"{way.slope_ms:.2f}", f"{ratio(way, named[BARE]):.2f}", f"{way.fixed_seconds:.1f}")
            for way in ways
        ]
        targets.append(Target(f"{label}: fast / bare loop", ratio(named[FAST], named[BARE]), 1))
    head = ("images", "way", "CPU ms, one more image", "× bare loop", "CPU s, fixed")
    tables = "\n\n".join((origin, markdown_table(head, rows), target_table(targets)))
    report("fast beside the bare loop", tables, targets, for_docs=not options.quick)


def _measured(size: tuple[int, int], few: int, many: int, *, rounds: int) -> list[Way]:
    source, names = _tree(size, many)
    read_all(source, names)
    place = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="fast-"))
    ways = [
        Way(BARE, bare_loop(_first(source, names), place)),
        Way(EXACT, our_prepare(source, place, []), is_ours=True),
        Way(FAST, our_prepare(source, place, ["--fidelity", "fast"]), is_ours=True),
    ]
    try:
        run_in_turn(ways, few, many, rounds=rounds, place=place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return ways


def _first(source: Path, names: Sequence[str]) -> Callable[[int], list[str]]:
    return lambda count: [str(source / name) for name in names[:count]]


def _tree(size: tuple[int, int], count: int) -> tuple[Path, list[str]]:
    """Return a folder with one class for each photograph, and the names of `count` files in it.

    Each cut is there under several names, as hard links: equal files cost what different ones do.
    """
    tree = ROOT / "build" / f"photos-{size[0]}x{size[1]}-{count}"
    if not tree.exists():
        partial = tree.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        copies = -(-count // (CUTS * len(photos())))
        for name, photo in photos().items():
            folder = partial / Path(name).stem
            folder.mkdir(parents=True)
            for number, cut in enumerate(_cuts(photo, size)):
                for copy in range(copies):
                    path = folder / f"{copy:04d}-{number:04d}.jpg"
                    if copy:
                        path.hardlink_to(folder / f"0000-{number:04d}.jpg")
                    else:
                        path.write_bytes(as_jpeg(cut))
        partial.rename(tree)
    found = sorted(str(path.relative_to(tree)) for path in tree.rglob("*.jpg"))
    # The photographs in turn: the first of them are a fair sample.
    order = np.random.default_rng(0).permutation(len(found))
    return tree, [found[place] for place in order[:count]]


def _cuts(photo: Image.Image, size: tuple[int, int]) -> list[Image.Image]:
    """Return parts of a photograph, of 60 to 100% of its sides, at another size."""
    draw = np.random.default_rng(0)
    cuts = []
    for share in draw.uniform(LEAST_CUT, 1, CUTS):
        width, height = round(photo.width * share), round(photo.height * share)
        left, top = (int(draw.integers(0, spare + 1)) for spare in (photo.width - width, photo.height - height))
        cuts.append(photo.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height)))
    return cuts


if __name__ == "__main__":
    main()
