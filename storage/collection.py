"""One round of garbage collection: what it would do, and doing it under the dataset's lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from storage.garbage import Garbage, empty_trash, find_garbage, find_old_trash, move_to_trash
from storage.layout import DatasetFolder
from storage.locking import dataset_lock


@dataclass(frozen=True, slots=True)
class Collection:
    """What goes to the trash (`batch` is where to, once it went), and the older trash that is deleted."""

    dataset: str
    garbage: tuple[Garbage, ...]
    old_trash: tuple[Garbage, ...]
    batch: Path | None = None


def planned_collection(folder: DatasetFolder, *, keep: int | None, grace: timedelta) -> Collection:
    """Return what `collect` would do; nothing is touched.

    Raises:
        DamagedDataset: a version that is to be kept cannot be read, so nobody knows what it needs.
    """
    garbage = find_garbage(folder, keep=keep, grace=grace)
    return Collection(folder.name, tuple(garbage), tuple(find_old_trash(folder, grace=grace)))


def collect(folder: DatasetFolder, *, keep: int | None, grace: timedelta) -> Collection:
    """Move garbage to the trash, and delete what has lain there for longer than `grace`.

    Raises:
        DatasetLocked: a run is at work on the dataset.
        DamagedDataset: as `planned_collection`.
    """
    with dataset_lock(folder):
        found = planned_collection(folder, keep=keep, grace=grace)
        # Old trash first: what goes there today is young.
        empty_trash(found.old_trash)
        batch = move_to_trash(folder, found.garbage, keep=keep, grace=grace) if found.garbage else None
    return Collection(found.dataset, found.garbage, found.old_trash, batch)
