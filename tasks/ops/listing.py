"""Lists a source once: every input's escaped path, class, size and time. No file is opened.

Two layouts: a folder for each class (`n01440764/n01440764_10026.JPEG`), or one flat folder and a labels file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from storage.names import escaped
from storage.plans import LISTING_SCHEMA

IMAGE_SUFFIXES = (b".jpeg", b".jpg", b".png", b".webp", b".bmp", b".gif")

LONGEST_PATH = 4000
"""Bytes of a path that are given to the kernel at once, which takes 4,096 with the zero at the end (PATH_MAX)."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

Entry = tuple[bytes, int, int]
"""Path below the root, size in bytes, time of the last change in ns."""


def list_class_folders(root: Path, *, on_class: Callable[[int], None] = lambda files: None) -> pa.Table:
    """List the tree below `root`, one class for each folder in it, sorted by name.

    Raises:
        ValueError: there is no class folder, or no file in any.
    """
    batches = []
    for class_name in _class_folders(root):
        entries = list(_walk(os.fsencode(root), class_name))
        batches.append(_batch(entries, [escaped(class_name)] * len(entries)))
        on_class(len(entries))
    listing = pa.Table.from_batches(batches, LISTING_SCHEMA).sort_by("name")
    if listing.num_rows == 0:
        raise ValueError(f"{root} has {len(batches)} class folders and not one file in them")
    return listing


def list_flat_folder(root: Path, classes: dict[str, str]) -> pa.Table:
    """List the images right below `root`; `classes` gives the class of each, by file name without its suffix.

    Raises:
        ValueError: a file has no label, or a label has no file.
    """
    entries = _flat_entries(root)
    stems = [_stem(path) for path, _, _ in entries]
    unlabelled, unseen = sorted(set(stems) - set(classes)), sorted(set(classes) - set(stems))
    if unlabelled or unseen:
        raise ValueError(
            f"{root} and its labels file do not match: {len(unlabelled)} files without a label "
            f"({', '.join(unlabelled[:3])}), {len(unseen)} labels without a file ({', '.join(unseen[:3])})"
        )
    batch = _batch(entries, [classes[stem] for stem in stems])
    return pa.Table.from_batches([batch], LISTING_SCHEMA).sort_by("name")


def flat_stems(root: Path) -> list[str]:
    """Return the name without suffix of every image right below `root`, escaped."""
    return [_stem(path) for path, _, _ in _flat_entries(root)]


def _flat_entries(root: Path) -> list[Entry]:
    entries = [
        entry
        for entry in _walk(os.fsencode(root), b"")
        if b"/" not in entry[0] and entry[0].lower().endswith(IMAGE_SUFFIXES)
    ]
    if not entries:
        raise ValueError(f"{root} has no image files")
    return entries


def _stem(path: bytes) -> str:
    return os.path.splitext(escaped(path))[0]


def _class_folders(root: Path) -> list[bytes]:
    with os.scandir(os.fsencode(root)) as found:
        folders = [entry for entry in found if not entry.name.startswith(b".") and entry.is_dir()]
    links = sorted(escaped(entry.name) for entry in folders if entry.is_symlink())
    if links:
        raise ValueError(
            f"{root} has {len(links)} class folders that are links ({', '.join(links[:3])}), and links are not "
            "followed: point to the real tree, and pick classes with --manifest"
        )
    names = sorted(entry.name for entry in folders)
    if not names:
        raise ValueError(
            f"{root} has no class folders (such as n01440764/); for a flat folder give its labels with --labels"
        )
    if b"train" in names and (root / "train").is_dir() and not any(_files(root / os.fsdecode(n)) for n in names):
        raise ValueError(f"{root} holds no images, but {root / 'train'} looks like a source: point to that")
    return names


def _files(folder: Path) -> bool:
    return any(path.is_file() for path in folder.iterdir())


def _walk(root: bytes, below: bytes) -> Iterator[Entry]:
    """Yield every input below a folder. Hidden names are passed over; links are listed, not followed.

    Whatever bears the name of an image is listed, a folder too: it will be refused, with a reason.
    """
    waiting = [below]
    while waiting:
        folder = waiting.pop()
        with _opened(root, folder) as descriptor, os.scandir(descriptor) as found:
            for entry in found:
                name = os.fsencode(entry.name)
                if name.startswith(b"."):
                    continue
                path = os.path.join(folder, name)
                if entry.is_dir(follow_symlinks=False) and not name.lower().endswith(IMAGE_SUFFIXES):
                    waiting.append(path)
                    continue
                status = entry.stat(follow_symlinks=False)
                size = status.st_size if stat.S_ISREG(status.st_mode) else 0
                yield path, size, status.st_mtime_ns


@contextmanager
def _opened(root: bytes, below: bytes) -> Iterator[int]:
    """Open a folder however long its path is: the kernel takes 4,096 bytes at a time."""
    descriptor = os.open(root, _FOLDER)
    try:
        for part in _path_parts(below):
            outer, descriptor = descriptor, os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(outer)
        yield descriptor
    finally:
        os.close(descriptor)


def _path_parts(path: bytes) -> Iterator[bytes]:
    while len(path) > LONGEST_PATH:
        end = path.rindex(b"/", 0, LONGEST_PATH)
        yield path[:end]
        path = path[end + 1 :]
    if path:
        yield path


def _batch(entries: list[Entry], classes: list[str]) -> pa.RecordBatch:
    columns = [
        [escaped(path) for path, _, _ in entries],
        classes,
        [size for _, size, _ in entries],
        [mtime_ns for _, _, mtime_ns in entries],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, LISTING_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=LISTING_SCHEMA)
