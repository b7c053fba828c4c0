"""Damage to the files of a published dataset: what there is to damage, and how. Lists and classifies by itself."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from tests.oracles.published_dataset import Body, version_bodies

DATASET = "demo"
ASIDE = "aside-"
"""How the folders are called, below a root, in which damage leaves what it took away."""

BLOSCPACK_BYTES = 32
"""What stands before the pixels in a chunk of bcolz: the headers of bloscpack and Blosc."""

LISTING_KINDS = {
    "plan.json": "plan",
    "listings.json": "hashes of the listings",
    "sorted.parquet": "sorted listing",
    "shuffled.parquet": "shuffled listing",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One file or folder that may be damaged; `item` is the published thing that it is or is part of."""

    path: Path
    kind: str
    item: Path
    is_copy: bool = False

    @property
    def is_whole_folder(self) -> bool:
        return self.path == self.item and self.path.is_dir()


Fault = Callable[[Target, list[Target], random.Random], list[Target]]
"""Damages a target, perhaps together with one of the others; returns what was damaged."""


# ---- What there is


def targets_in(slow: Path, fast: Path) -> list[Target]:
    """Return every published file of the dataset's folders `slow` and `fast`, and the folders that are one object.

    They stand in the order of the versions: their names have hashes, which are others in each run.
    """
    bodies = list(version_bodies(slow).values())
    return [*_records(slow, bodies), *_objects(slow, bodies), *_objects(fast, bodies, is_copy=True)]


def _records(slow: Path, bodies: list[Body]) -> Iterator[Target]:
    yield _single(slow / "dataset.json", "mark")
    for body in bodies:
        yield _single(slow / f"versions/{body['number']:08d}.json", "version")
        yield from (_single(slow / "plans" / body["plan"] / name, kind) for name, kind in LISTING_KINDS.items())
        yield from (_single(path, "spare") for path in slow.glob(f"spares/{body['number']:08d}-*.zip"))
    for key in dict.fromkeys(shard["key"] for body in bodies for shard in body["shards"]):
        for path in sorted(slow.glob(f"receipts/{key}*")):
            yield _single(path, "superseded receipt" if "." in path.stem else "receipt")


def _objects(dataset: Path, bodies: list[Body], *, is_copy: bool = False) -> Iterator[Target]:
    kinds: dict[str, str] = {}
    for body in bodies:
        kinds |= {view["name"]: "joined view" for view in body["views"]}
        kinds |= {body["table"]["name"]: "table", body["card"]["name"]: "card", body["report"]["name"]: "report"}
        kinds |= {stored["name"]: "pixels" for shard in body["shards"] for stored in shard["objects"]}
    prefix = "copy: " if is_copy else ""
    for name, kind in kinds.items():
        path = dataset / "objects" / name
        if not path.exists():
            assert is_copy, f"{path} is missing"
            continue
        yield Target(path, f"{prefix}{kind}", path, is_copy)
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            part = "metadata" if file.suffix != ".blp" else f"chunks of {file.parent.parent.name}"
            yield Target(file, f"{prefix}{part}", path, is_copy)


def _single(path: Path, kind: str) -> Target:
    return Target(path, kind, path)


# ---- What may happen to it


def flip_a_bit(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    content = bytearray(target.path.read_bytes())
    # Headers and indices are few among the pixels, and worth more attempts.
    limit = len(content) if chance.random() < 0.5 else min(len(content), 4096)
    content[chance.randrange(limit)] ^= 1 << chance.randrange(8)
    target.path.write_bytes(content)
    return [target]


def flip_a_pixel(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    """Flip one bit among the pixels of a shard, in one of its chunks."""
    file, places = _chunks_of(target.path)
    start, size = chance.choice(places)
    with file.open("r+b") as opened:
        opened.seek(start + chance.randrange(size))
        pixel = opened.read(1)[0]
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([pixel ^ 1 << chance.randrange(8)]))
    return [target]


def _chunks_of(path: Path) -> tuple[Path, list[tuple[int, int]]]:
    """Return the file of some chunks of pixels, and where in it they begin and how many bytes they have."""
    if path.is_dir():
        chunk = path / "images" / "data" / "__0.blp"
        return chunk, [(BLOSCPACK_BYTES, chunk.stat().st_size - BLOSCPACK_BYTES)]
    with h5py.File(path) as opened:
        images = opened["images"]
        assert isinstance(images, h5py.Dataset)
        # A chunk may be larger than the rows in it; the first row is always there.
        row = int(np.prod(images.shape[1:]))
        places = [images.id.get_chunk_info(number).byte_offset for number in range(images.id.get_num_chunks())]
        return path, [(place, row) for place in places]


def cut_short(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    size = target.path.stat().st_size
    os.truncate(target.path, size - min(size, chance.choice((1, chance.randint(1, size)))))
    return [target]


def empty(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    os.truncate(target.path, 0)
    return [target]


def grow(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    with target.path.open("ab") as file:
        file.write(chance.randbytes(chance.randint(1, 64)))
    return [target]


def delete(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    discard(target.path)
    return [target]


def swap_with_its_like(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    return _swap(target, [other for other in others if other.kind == target.kind], chance)


def swap_with_another_kind(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    return _swap(target, [other for other in others if other.kind != target.kind], chance)


def replace_by_a_link_to_its_bytes(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    """Also what a program that saves space by linking equal files does: right until somebody else writes there."""
    aside = _aside(target)
    target.path.rename(aside)
    target.path.symlink_to(aside)
    return [target]


def replace_by_a_link_to_nothing(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    discard(target.path)
    target.path.symlink_to(target.path.with_name("nothing"))
    return [target]


def replace_by_an_empty_folder(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    discard(target.path)
    target.path.mkdir()
    return [target]


def replace_by_a_folder(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    """Put the file into a folder of its name; a folder into one more."""
    aside = _aside(target)
    target.path.rename(aside)
    target.path.mkdir()
    aside.rename(target.path / target.path.name)
    return [target]


def replace_by_a_file(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    discard(target.path)
    target.path.write_bytes(chance.randbytes(100))
    return [target]


def add_a_file(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    (target.path / "stray").write_bytes(chance.randbytes(chance.randint(0, 100)))
    return [target]


ON_ANYTHING: dict[str, Fault] = {
    "deleted": delete,
    "swapped with its like": swap_with_its_like,
    "swapped with another kind": swap_with_another_kind,
    "replaced by a link to its bytes": replace_by_a_link_to_its_bytes,
    "replaced by a link to nothing": replace_by_a_link_to_nothing,
    "replaced by a folder": replace_by_a_folder,
    "replaced by an empty folder": replace_by_an_empty_folder,
}
ON_FILES: dict[str, Fault] = {
    "one bit flipped": flip_a_bit,
    "cut short": cut_short,
    "cut to nothing": empty,
    "grown": grow,
    **ON_ANYTHING,
}
ON_FOLDERS: dict[str, Fault] = {
    "replaced by a file": replace_by_a_file,
    "one file more in it": add_a_file,
    **ON_ANYTHING,
}


def faults_of(target: Target) -> dict[str, Fault]:
    """Return what may happen to a target by name. That a whole copy vanishes is no damage."""
    faults = ON_FOLDERS if target.is_whole_folder else ON_FILES
    if target.is_copy and target.path == target.item:
        return {name: fault for name, fault in faults.items() if name != "deleted"}
    return faults


def discard(path: Path) -> None:
    """Remove a file, a link, or a folder with all in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _swap(target: Target, others: list[Target], chance: random.Random) -> list[Target]:
    """Let a target change places with one that has other bytes; with none if there is no such one."""
    for other in chance.sample(others, len(others)):
        if _is_spared_by(target, other) or _is_spared_by(other, target):
            continue
        if other.path.is_dir() == target.path.is_dir() and _content(other.path) != _content(target.path):
            aside = _aside(target)
            target.path.rename(aside)
            other.path.rename(target.path)
            aside.rename(other.path)
            return [target, other]
    return []


def _is_spared_by(spare: Target, other: Target) -> bool:
    """Tell whether the one may be the only copy of the other: both damaged at once are for another test."""
    is_spared = other.kind not in {"spare", "pixels", "metadata"} and not other.kind.startswith(("chunks", "copy"))
    return spare.kind == "spare" and is_spared


def _content(path: Path) -> list[tuple[str, bytes]]:
    if not path.is_dir():
        return [("", path.read_bytes())]
    return [(str(file.relative_to(path)), file.read_bytes()) for file in sorted(path.rglob("*")) if file.is_file()]


def _aside(target: Target) -> Path:
    """Return a new place on the same disk outside of the dataset."""
    root = next(folder for folder in target.item.parents if folder.name == DATASET).parent
    return Path(tempfile.mkdtemp(dir=root, prefix=ASIDE)) / target.path.name
