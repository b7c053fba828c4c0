"""What the fast root holds: copies, oldest use first, and how one is taken away from under possible readers.

A dataset that was published on that root is nobody's copy: it is neither counted nor touched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.digests import object_bytes
from storage.durable import remove
from storage.layout import NAME_PATTERN, DatasetFolder
from storage.owners import is_owner
from storage.pins import pinned
from storage.scratch import clear_dead_runs, scratch_folder

# Other programs, too, keep folders called "objects".
_COPY_NAME = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{64}\.[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class CachedObject:
    """One copy below a dataset's folder on the fast root; `used_ns` is when it was last opened there."""

    folder: DatasetFolder
    name: str
    bytes: int
    used_ns: int

    @property
    def path(self) -> Path:
        return self.folder.objects / self.name


@dataclass(frozen=True, slots=True)
class Taken:
    """Copies that were taken away, and those that stayed because a reader holds them."""

    removed: tuple[CachedObject, ...]
    held: tuple[CachedObject, ...]


def cache_folders(fast: Path) -> list[DatasetFolder]:
    """Return the folders of copies below the fast root, sorted by name."""
    if not fast.is_dir():
        return []
    folders = (DatasetFolder(path) for path in sorted(fast.iterdir()) if NAME_PATTERN.fullmatch(path.name))
    return [folder for folder in folders if folder.objects.is_dir() and is_cache(folder)]


def is_cache(folder: DatasetFolder) -> bool:
    """Tell whether a folder may only hold copies: nothing was ever published there."""
    return not (os.path.lexists(folder.marker) or os.path.lexists(folder.versions))


def cached_objects(folder: DatasetFolder) -> list[CachedObject]:
    """Return the copies of one dataset, whatever version they belong to."""
    found = []
    for entry in _copies(folder):
        try:
            used_ns = entry.stat(follow_symlinks=False).st_mtime_ns
            found.append(CachedObject(folder, entry.name, object_bytes(Path(entry)), used_ns))
        except FileNotFoundError:
            continue
    return found


def cached_bytes(fast: Path) -> int:
    """Return the bytes of all copies below the fast root, half-made ones and those being removed included."""
    found: dict[tuple[int, int], int] = {}
    for folder in cache_folders(fast):
        # What moves between these two folders meanwhile is met once at least, and keeps its inode.
        for entry in (*_in_scratch(folder), *_copies(folder), *_in_scratch(folder)):
            try:
                facts = entry.stat(follow_symlinks=False)
                found[facts.st_dev, facts.st_ino] = object_bytes(Path(entry))
            except FileNotFoundError:
                continue
    return sum(found.values())


def clear_leftovers(fast: Path) -> None:
    """Remove half-made copies of runs that are gone."""
    for folder in cache_folders(fast):
        if folder.tmp.is_dir():
            clear_dead_runs(folder)


def evict(fast: Path, lacking: int, *, keep: frozenset[Path]) -> int:
    """Remove the copies that were not used for longest, of any dataset, until `lacking` bytes are free.

    Returns the bytes that became free; 0, with nothing removed, if what no reader holds is not enough.
    """
    unused = sorted(_unpinned(fast, keep), key=lambda copy: copy.used_ns)
    if sum(copy.bytes for copy in unused) < lacking:
        return 0
    chosen: list[CachedObject] = []
    while unused and sum(copy.bytes for copy in chosen) < lacking:
        chosen.append(unused.pop(0))
    return sum(copy.bytes for copy in taken_away(chosen).removed)


def taken_away(copies: Iterable[CachedObject]) -> Taken:
    """Remove copies unless a reader holds them.

    A reader pins first and opens then. So each copy is moved aside, and moved back if it turns out to be pinned.
    """
    removed: list[CachedObject] = []
    held: list[CachedObject] = []
    by_folder: dict[DatasetFolder, list[CachedObject]] = {}
    for copy in copies:
        by_folder.setdefault(copy.folder, []).append(copy)
    for folder, mine in by_folder.items():
        pins = pinned(folder).objects
        held.extend(copy for copy in mine if copy.name in pins)
        folder.tmp.mkdir(exist_ok=True)
        with scratch_folder(folder) as aside:
            moved = [copy for copy in mine if copy.name not in pins and _move(copy.path, aside / copy.name)]
            pins = pinned(folder).objects
            for copy in moved:
                is_back = copy.name in pins and _move(aside / copy.name, copy.path)
                (held if is_back else removed).append(copy)
                remove(aside / copy.name)
    return Taken(tuple(removed), tuple(held))


def _unpinned(fast: Path, keep: frozenset[Path]) -> Iterator[CachedObject]:
    for folder in cache_folders(fast):
        pins = pinned(folder).objects
        yield from (copy for copy in cached_objects(folder) if copy.name not in pins and copy.path not in keep)


def _move(path: Path, target: Path) -> bool:
    """Move a copy; return whether it was there to be moved, and its place was free."""
    try:
        path.rename(target)
    except OSError:
        # Somebody else took it away, or made the same copy anew: only these two may fail.
        if path.exists() and not target.exists():
            raise
        return False
    return True


def _copies(folder: DatasetFolder) -> list[os.DirEntry[str]]:
    found = _entries(folder.objects)
    return [entry for entry in found if _COPY_NAME.fullmatch(entry.name) and not entry.is_symlink()]


def _in_scratch(folder: DatasetFolder) -> list[os.DirEntry[str]]:
    return [entry for run in _entries(folder.tmp) if is_owner(run.name) for entry in _entries(run)]


def _entries(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
