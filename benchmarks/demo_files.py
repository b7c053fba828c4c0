"""The demonstration set as the benchmarks' input: drawn once, kept in build/, read once before anything is timed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.provenance import ROOT
from tasks.ops.demo_set import render_demo_set
from tasks.ops.demo_spec import DemoSpec
from tasks.ops.emoji_font import find_emoji_font
from tasks.ops.listing import list_class_folders
from tasks.ops.selection import sampled

IMAGES = ROOT / "build" / "benchmark-images"
SPEC = DemoSpec(classes=525, images_per_class=10, scale="full")
SMALL = DemoSpec(classes=525, images_per_class=10, scale="small")
SEED = 0


def drawn_demo_set(spec: DemoSpec = SPEC) -> Path:
    """Return the folder of the class folders, drawn if it is not there yet (a minute and a half on two cores)."""
    folder = IMAGES if spec == SPEC else IMAGES.with_name(f"{IMAGES.name}-{spec.scale}")
    if not folder.exists():
        print(f"drawing {spec.total:,} images into {folder}", flush=True)
    return render_demo_set(folder, spec, font=find_emoji_font(), workers=2, on_progress=lambda written: None).source


def first_names(source: Path, count: int) -> list[str]:
    """Return the names of the files that `prepare --limit count` takes."""
    return sampled(list_class_folders(source), count, seed=SEED)["name"].to_pylist()


def sound_paths(source: Path, names: list[str]) -> list[str]:
    """Return the paths of those files that are meant to be stored.

    The broken ones (0.4%) would end a bare loop, or cost it seconds of a bomb's pixels.
    """
    expected = json.loads((IMAGES / "expected.json").read_bytes())
    broken = {name for name, entry in expected.items() if entry["reason"]}
    return [str(source / name) for name in names if name not in broken]


def read_all(source: Path, names: list[str]) -> None:
    """Bring files into the page cache, so that no way pays for the disk."""
    for name in names:
        (source / name).read_bytes()


def linked(source: Path, count: int) -> Path:
    """Return a tree of `count` images: hard links of those of `source`, as often as it takes."""
    tree = source.parent.with_name(f"{source.parent.name}-x{count}")
    if not tree.exists():
        partial = tree.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        paths = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
        # Every class grows alike.
        paths.sort(key=lambda path: path.stem.rsplit("_", 1)[-1])
        for number in range(count):
            path = paths[number % len(paths)]
            place = partial / path.parent.relative_to(source)
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{path.stem}-{number // len(paths)}{path.suffix}").hardlink_to(path)
        partial.rename(tree)
    return tree
