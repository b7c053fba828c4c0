"""Compares what is on disk with what was published. It reads, and changes nothing."""

from __future__ import annotations

import os
import random
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storage.cached_objects import is_cache
from storage.damage import Damage, classes_of, lost_rows, shard_of
from storage.datasets import existing_dataset
from storage.digests import object_bytes, object_digest
from storage.layout import DatasetFolder
from storage.pair_versions import RowVersion
from storage.plain_files import named_kind, strays_below
from storage.receipts import StoredObject
from storage.record_checks import CheckedRecords, checked_records
from storage.spares import spares_in
from storage.tiers import Tiers
from storage.versions import version_numbers

SECONDS_PER_DAY = 86_400


def seed_of_today() -> int:
    """Return a seed that is another each day, so that daily samples come to see every file."""
    return int(time.time() // SECONDS_PER_DAY)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check looked at and what it found. `notes` are no damage, but somebody should know."""

    dataset: str
    versions: tuple[int, ...]
    files: int
    hashed_bytes: int
    damages: tuple[Damage, ...]
    notes: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return not self.damages


@dataclass(frozen=True, slots=True)
class _Item:
    """One object or spare on one tier, and the versions that need it."""

    path: Path
    stored: StoredObject
    tier: Literal["slow", "fast"]
    versions: tuple[int, ...]


def verified(
    tiers: Tiers,
    dataset: str,
    *,
    share: float,
    seed: int = 0,
    on_start: Callable[[int], None] = lambda total: None,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Verification:
    """Check every version of `dataset`, and the copies of its objects on the fast root.

    Records, plans and receipts are always read, and every file's existence and size are looked at. Of the objects
    and spares the share `share` in [0, 1], drawn with `seed`, is hashed, which `on_start` (the bytes to come) and
    `on_bytes` (those just hashed) are told of.

    Raises:
        UnknownDataset: there is no such dataset.
        UnreadableRecord: another version of this code made it.
    """
    folder = existing_dataset(tiers.slow, dataset)
    records = checked_records(folder)
    items = list(_items(tiers, records))
    problems = [(item, _missing_or_short(item)) for item in items]
    records.damages += [_damage(records, item, problem) for item, problem in problems if problem]
    chosen = _drawn([item for item, problem in problems if not problem], share, random.Random(seed))
    on_start(sum(item.stored.bytes for item in chosen))
    for item in chosen:
        if problem := _wrong_content(item):
            records.damages.append(_damage(records, item, problem))
        on_bytes(item.stored.bytes)
    return Verification(
        dataset,
        tuple(sorted(records.versions)),
        records.files + len(items),
        sum(item.stored.bytes for item in chosen),
        tuple(damage for damage in records.damages if not _was_given_up(folder, damage)),
        tuple(records.notes),
    )


def _was_given_up(folder: DatasetFolder, damage: Damage) -> bool:
    """Tell whether what was found damaged has been evicted or collected while the check went on."""
    if damage.tier == "fast":
        return not os.path.lexists(damage.path)
    left = {*version_numbers(folder), *(number for number, _ in spares_in(folder))}
    return bool(damage.versions) and bool(left) and max(damage.versions) < min(left)


def _items(tiers: Tiers, records: CheckedRecords) -> Iterator[_Item]:
    """Yield every object that a valid version needs, the copies that there are of it, and the spares."""
    users: dict[StoredObject, list[int]] = {}
    for version in records.versions.values():
        for stored in version.objects:
            users.setdefault(stored, []).append(version.number)
    cache = tiers.cache(records.folder.name)
    has_copies = tiers.is_split and is_cache(cache)
    for stored, numbers in users.items():
        yield _Item(records.folder.objects / stored.name, stored, "slow", tuple(numbers))
        if has_copies and os.path.lexists(cache.objects / stored.name):
            yield _Item(cache.objects / stored.name, stored, "fast", tuple(numbers))
    for number, path in spares_in(records.folder):
        digest = path.stem.partition("-")[2]
        yield _Item(path, StoredObject(path.name, digest, path.lstat().st_size), "slow", (number,))


def _missing_or_short(item: _Item) -> str:
    """Return what is wrong with an item at a glance, "" if nothing is."""
    try:
        mode = item.path.lstat().st_mode
        stray = next(strays_below(item.path), None) if stat.S_ISDIR(mode) else None
        found = object_bytes(item.path)
    except FileNotFoundError:
        return "missing in part" if item.path.exists() else "missing"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return f"it is {named_kind(mode)}, which imagemill never makes there"
    if stray is not None:
        kind = named_kind(stray.lstat().st_mode)
        return f"it holds {kind}, which imagemill never makes there: {stray.relative_to(item.path)}"
    return "" if found == item.stored.bytes else f"it should have {item.stored.bytes} bytes, it has {found}"


def _drawn(items: list[_Item], share: float, chance: random.Random) -> list[_Item]:
    """Return the items to hash, in the order of the disk's folder; at least one, if any is wanted at all."""
    count = min(len(items), max(1, round(share * len(items)))) if share else 0
    return sorted(chance.sample(items, count), key=lambda item: item.path)


def _wrong_content(item: _Item) -> str:
    try:
        digest = object_digest(item.path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if digest == item.stored.digest else "its bytes are not those that were published"


def _damage(records: CheckedRecords, item: _Item, problem: str) -> Damage:
    published = records.versions.get(max(item.versions))
    version = published if isinstance(published, RowVersion) else None
    shard = shard_of(version, item.stored) if version else None
    rows = lost_rows(records.folder, version, item.stored, item.path) if version and shard else ()
    return Damage(
        item.path,
        problem,
        tier=item.tier,
        versions=item.versions,
        shard=shard[0].key if shard else None,
        rows=rows,
        classes=classes_of(records.folder, version, rows) if version and rows else (),
    )
