"""Attacks by HDF5 files: one dataset of a shard is put otherwise, or the file is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from tests.faults.hostile_dataset import Captured
from tests.faults.hostile_hdf5_puts import (
    LIES,
    ODD_TYPES,
    POINTERS,
    Put,
    beside,
    compressed,
    is_a_bomb,
    put_plain,
)
from tests.faults.hostile_records import ANY, REFUSED, SAME, Attack


def hdf5_attacks() -> Iterator[Attack]:
    """Yield every attack by HDF5 files."""
    for put in (*POINTERS, *ODD_TYPES, *LIES):
        for name in ("images", "labels", "ids") if put in POINTERS else ("images", "ids"):
            # Ids are read from the table of rows, and no further than their type from here.
            verdict = ANY if put in LIES and name == "ids" else REFUSED
            yield f"{name}-{put.__name__.replace('_', '-')}", partial(with_odd, odd=name, put=put), verdict
    yield "images-is-a-bomb", partial(with_odd, odd="images", put=is_a_bomb), REFUSED
    yield "compressed", partial(with_odd, odd="images", put=compressed), REFUSED
    yield "beside", partial(with_odd, odd="images", put=beside), SAME
    for damage in DAMAGES:
        yield f"file-{damage.__name__.replace('_', '-')}", partial(with_damage, damage=damage), REFUSED
    # Views are for other programs; ours never opens them.
    yield "view-reads-outside", view_reads_outside, SAME


def with_odd(captured: Captured, *, odd: str, put: Put) -> None:
    """Write the first shard anew, with something else in the place of its dataset `odd`."""
    old, new = captured.shard, captured.folder / "new.h5"
    with h5py.File(old) as sound, h5py.File(new, "w", libver="latest") as file:
        for name in ("images", "labels", "ids"):
            rows = np.asarray(sound[name])
            if name == odd:
                put(file, name, rows, captured.outside)
            else:
                put_plain(file, name, rows)
    captured.adopt(old, new)


def is_empty_file(path: Path, outside: Path) -> None:
    path.write_bytes(b"")


def is_noise(path: Path, outside: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(50_000))


def is_only_a_signature(path: Path, outside: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 500)


def is_cut(path: Path, outside: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def is_a_picture(path: Path, outside: Path) -> None:
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(5000))


def has_noise_for_metadata(path: Path, outside: Path) -> None:
    content = bytearray(path.read_bytes())
    content[48:2000] = np.random.default_rng(2).bytes(1952)
    path.write_bytes(content)


DAMAGES = (is_empty_file, is_noise, is_only_a_signature, is_cut, is_a_picture, has_noise_for_metadata)


def with_damage(captured: Captured, *, damage: Callable[[Path, Path], None]) -> None:
    """Damage a copy of the first shard's file, and put it in place with its new hash."""
    new = captured.folder / "new.h5"
    new.write_bytes(captured.shard.read_bytes())
    damage(new, captured.outside)
    captured.adopt(captured.shard, new)


def view_reads_outside(captured: Captured) -> None:
    view = next(captured.folder.glob("objects/all-16-*.h5"))
    new = captured.folder / "new.h5"
    with h5py.File(new, "w") as file:
        file["images"] = h5py.ExternalLink(captured.outside / "canary.h5", "/images")
    captured.adopt(view, new)
