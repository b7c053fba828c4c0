"""Finds what no version, no live plan and no reader needs, moves it to the trash, and empties the trash later.

Nothing younger than the grace period is touched, so that what a run has just built or taken over stays, even where
locks do nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.bundles import Bundle
from storage.digests import object_bytes
from storage.durable import remove, sync_folder
from storage.errors import DamagedDataset, UnknownDataset
from storage.layout import DatasetFolder
from storage.pins import pinned
from storage.plans import Plan, read_plan
from storage.promotions import is_copy, needed_versions
from storage.publishing import AnyVersion, read_published
from storage.receipts import find_receipt
from storage.spares import spares_in
from storage.versions import Version, version_numbers

GRACE = timedelta(days=7)
PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Garbage:
    """One file or folder that nothing needs: its path, bytes, and why it goes."""

    path: Path
    bytes: int
    why: str


@dataclass(frozen=True, slots=True)
class _Needed:
    """What retained versions, live plans and readers stand on."""

    versions: frozenset[int]
    plans: frozenset[str]
    receipts: frozenset[str]
    objects: frozenset[str]

    def has(self, path: Path) -> bool:
        """Tell whether one of the dataset's files, or a plan's folder, is needed."""
        names = {"plans": self.plans, "receipts": self.receipts, "objects": self.objects}
        if path.name.endswith(PARTIAL):
            return False
        if path.parent.name in names:
            return path.name in names[path.parent.name]
        if path.parent.name == "refused":
            return path.stem in self.plans
        if path.parent.name == "promotions" or is_copy(path):
            return True
        number = path.name[:8]
        return number.isdecimal() and int(number) in self.versions


def find_garbage(folder: DatasetFolder, *, keep: int | None, grace: timedelta = GRACE) -> list[Garbage]:
    """Return what may go: all but the `keep` highest versions (None keeps every one), and what nothing refers to.

    Versions come first, so that in whatever order and however far they are moved, none stands without its objects.

    Raises:
        DamagedDataset: a version or plan that is to be kept cannot be read, so nobody knows what it needs.
    """
    needed = _needed(folder, keep, grace)
    old = time.time() - grace.total_seconds()
    return [item for item in _candidates(folder, needed) if _changed_at(item.path) <= old]


def find_old_trash(folder: DatasetFolder, *, grace: timedelta = GRACE) -> list[Garbage]:
    """Return the batches that have lain in the trash for longer than the grace period."""
    old = time.time() - grace.total_seconds()
    batches = sorted(folder.trash.iterdir()) if folder.trash.is_dir() else []
    why = "in the trash for longer than the grace period"
    return [Garbage(batch, object_bytes(batch), why) for batch in batches if _changed_at(batch) <= old]


def move_to_trash(folder: DatasetFolder, garbage: Iterable[Garbage], *, keep: int | None, grace: timedelta) -> Path:
    """Move `garbage` into a batch of the trash; return the batch.

    Whoever took something over in the meantime gets it back: everything is looked at again before and after.
    """
    batch = folder.trash / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    still = {item.path for item in find_garbage(folder, keep=keep, grace=grace)}
    moved: dict[Path, Path] = {}
    needed: _Needed | None = None
    for item in garbage:
        if item.path not in still or not os.path.lexists(item.path):
            continue
        if item.path.parent not in (folder.spares, folder.versions):
            needed = needed or _needed_without(folder, moved, grace)
            if needed.has(item.path):
                continue
        aside = batch / item.path.relative_to(folder.path)
        aside.parent.mkdir(parents=True, exist_ok=True)
        item.path.rename(aside)
        moved[item.path] = aside
    needed = _needed_without(folder, moved, grace)
    for path, aside in moved.items():
        if needed.has(path) and not path.exists():
            aside.rename(path)
    return batch


def _needed_without(folder: DatasetFolder, moved: dict[Path, Path], grace: timedelta) -> _Needed:
    """Return what is needed after the records in `moved` are gone; the record of a version that is read is put back.

    A reader pins a version first, and looks then whether its record is there: one of the two sees the other. What a
    version stands on that has its record is needed from here on, even if its reader is gone in a moment. So does
    whoever promotes a version.
    """
    # They must be gone for good before the first of their objects is.
    sync_folder(folder.versions)
    for record in map(folder.version, pinned(folder).versions | needed_versions(folder)):
        if record in moved:
            moved.pop(record).rename(record)
    return _needed(folder, None, grace)


def empty_trash(batches: Iterable[Garbage]) -> None:
    """Delete batches of the trash."""
    for batch in batches:
        remove(batch.path)


def _needed(folder: DatasetFolder, keep: int | None, grace: timedelta) -> _Needed:
    pins = pinned(folder)
    kept = _kept_versions(folder, keep, grace, pins.versions)
    versions = [_readable(folder, number) for number in kept]
    published = {version.plan for version in versions if isinstance(version, Version)}
    plans = published | set(_live_plans(folder, grace))
    receipts, objects = set(), set(pins.objects)
    for version in versions:
        objects |= {stored.name for stored in version.objects}
        receipts |= _receipts_of(folder, version)
    for identity in plans - published:
        for shard in read_plan(folder, identity).shards:
            # A receipt that is not there yet, or damaged, proves nothing.
            if receipt := find_receipt(folder, shard.key):
                receipts.add(folder.receipt(shard.key).name)
                objects |= {array.stored.name for array in receipt.arrays}
    return _Needed(frozenset(kept), frozenset(plans), frozenset(receipts), frozenset(objects))


def _receipts_of(folder: DatasetFolder, version: AnyVersion) -> set[str]:
    """Return the names that the receipts of a version may have."""
    if isinstance(version, Bundle):
        return {folder.receipt(key).name for key in version.receipts}
    places = [(folder.receipt(shard.key), folder.former_receipt(shard.key, shard.identity)) for shard in version.shards]
    return {path.name for both in places for path in both}


def _kept_versions(folder: DatasetFolder, keep: int | None, grace: timedelta, held: frozenset[int]) -> list[int]:
    """Return the versions that stay: asked for, promoted, held by a reader or young, and, since a gap means loss, all
    above.

    One of which the spare alone is left was lost, and may come back.
    """
    old = time.time() - grace.total_seconds()
    spares = dict(spares_in(folder))
    numbers = sorted({*version_numbers(folder), *spares})
    ages = {number: [folder.version(number), *([spares[number]] if number in spares else [])] for number in numbers}
    young = [number for number in numbers if any(_changed_at(path) > old for path in ages[number] if path.exists())]
    asked = numbers if keep is None else numbers[-keep:]
    lowest = min([*asked, *young, *((held | needed_versions(folder)) & set(numbers))], default=0)
    return [number for number in numbers if number >= lowest]


def _readable(folder: DatasetFolder, number: int) -> AnyVersion:
    try:
        return read_published(folder, number)
    except (DamagedDataset, UnknownDataset) as error:
        path = folder.version(number)
        remedy = f"run: imagemill repair {folder.name}"
        raise DamagedDataset(
            f"{path} cannot be read, so nobody knows what it needs", path=path, remedy=remedy
        ) from error


def _live_plans(folder: DatasetFolder, grace: timedelta) -> Iterator[str]:
    """Yield the plans that were made, or for which a shard was built, within the grace period."""
    old = time.time() - grace.total_seconds()
    for path in _entries(folder.path / "plans"):
        try:
            plan: Plan = read_plan(folder, path.name)
        except (DamagedDataset, FileNotFoundError):
            continue
        receipts = (folder.receipt(shard.key) for shard in plan.shards)
        if any(_changed_at(found) > old for found in (path, *receipts) if found.exists()):
            yield path.name


_WHY = {
    "spares": "the spare of an older version than those to keep",
    "versions": "an older version than those to keep",
    "plans": "the plan of no version, and nobody works on it",
    "receipts": "no version and no live plan stands on it",
    "objects": "no version and no live plan names it",
    "refused": "the report of a plan that is gone",
    "promotions": "what was promoted",
}
"""Why something goes, by the folder that it lies in; in the order in which it goes. A spare without its version
would look as if the version had been lost."""


def _candidates(folder: DatasetFolder, needed: _Needed) -> Iterator[Garbage]:
    for part, why in _WHY.items():
        for path in _entries(folder.path / part):
            if not needed.has(path):
                yield _garbage(path, "left by a run that died" if path.name.endswith(PARTIAL) else why)


def _garbage(path: Path, why: str) -> Garbage:
    return Garbage(path, path.lstat().st_size if path.is_symlink() else object_bytes(path), why)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _changed_at(path: Path) -> float:
    return path.lstat().st_mtime
