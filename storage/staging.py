"""Copies on the fast root: made under its budget, verified, and removed again. All of them may vanish at any time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from storage.cached_objects import (
    cache_folders,
    cached_bytes,
    cached_objects,
    clear_leftovers,
    evict,
    is_cache,
    taken_away,
)
from storage.copying import copy_verified
from storage.digests import object_digest
from storage.durable import remove
from storage.errors import UnknownDataset, named_disk_errors
from storage.layout import DatasetFolder
from storage.pins import pin, pinned
from storage.publishing import AnyVersion
from storage.receipts import StoredObject, is_present
from storage.scratch import scratch_folder
from storage.space import reserved
from storage.tiers import Tiers
from storage.versions import Version

REMEDY = "remove other copies (imagemill unstage NAME), stage fewer sizes (--size), or raise --fast-budget"


@dataclass(frozen=True, slots=True)
class Staged:
    """What staging did: bytes that were copied, that were there already, and that made room for others."""

    copied: int = 0
    present: int = 0
    evicted: int = 0


@dataclass(frozen=True, slots=True)
class Unstaged:
    """What was removed from the fast root, in bytes, and what stayed because a reader holds it."""

    removed: int
    held: int
    held_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatasetUsage:
    """What the copies of one dataset take on the fast root, bytes; `pinned` is held by readers."""

    name: str
    used: int
    pinned: int


@dataclass(frozen=True, slots=True)
class FastUsage:
    """What all copies take on the fast root, bytes; `used` has those being made, too. `free` is the disk's."""

    root: Path
    used: int
    budget: int | None
    free: int
    pinned: int
    datasets: tuple[DatasetUsage, ...]


def stage(
    tiers: Tiers,
    dataset: str,
    objects: Iterable[StoredObject],
    *,
    check: bool = False,
    on_start: Callable[[int], None] = lambda total: None,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Staged:
    """Copy objects from the slow to the fast root, each compared with its hash.

    What no reader holds and was not used for longest makes room for it; with `check`, copies that are there are
    hashed, and made anew if they are damaged. `on_start` is told how many bytes there are to copy, `on_bytes` of
    each part that is copied.

    Raises:
        NotEnoughSpace: they do not fit; nothing was copied, nothing was removed.
        DiskFull, DiskFailed: somebody else filled the disk meanwhile, or a disk is failing.
        DamagedDataset: an object on the slow root is not what was published.
        FileExistsError: a dataset of that name was published on the fast root.
    """
    wanted = {stored.name: stored for stored in objects}
    if not tiers.is_split:
        return Staged()
    with named_disk_errors(tiers.fast, doing=f"{dataset} was copied from {tiers.slow}"):
        cache = _made_cache(tiers, dataset)
        clear_leftovers(tiers.fast)
        with scratch_folder(cache) as scratch, pin(cache, None, wanted):
            missing = [stored for stored in wanted.values() if not _is_usable(cache, stored, scratch, check=check)]
            needed = sum(stored.bytes for stored in missing)
            on_start(needed)
            evicted = _copied(tiers, dataset, missing, scratch, keep=frozenset(wanted), on_bytes=on_bytes)
    return Staged(needed, sum(stored.bytes for stored in wanted.values()) - needed, evicted)


def unstage(tiers: Tiers, dataset: str, objects: Iterable[StoredObject] | None = None) -> Unstaged:
    """Remove copies from the fast root: those of `objects`, or all of the dataset; what readers hold stays."""
    if not tiers.is_split:
        raise ValueError(f"{tiers.slow} is both the slow and the fast root: there are no copies to remove")
    cache = tiers.cache(dataset)
    if not cache.path.is_dir() and not tiers.authority(dataset).path.is_dir():
        raise UnknownDataset(f"there is no dataset {dataset!r} below {tiers.slow}, nor copies of it below {tiers.fast}")
    _require_cache(cache)
    names = None if objects is None else {stored.name for stored in objects}
    taken = taken_away(copy for copy in cached_objects(cache) if names is None or copy.name in names)
    held = tuple(copy.name for copy in taken.held)
    return Unstaged(sum(copy.bytes for copy in taken.removed), sum(copy.bytes for copy in taken.held), held)


def fast_usage(tiers: Tiers) -> FastUsage:
    """Return what copies take on the fast root, in all and by dataset."""
    datasets = []
    for folder in cache_folders(tiers.fast) if tiers.is_split else []:
        copies, pins = cached_objects(folder), pinned(folder).objects
        held = sum(copy.bytes for copy in copies if copy.name in pins)
        datasets.append(DatasetUsage(folder.name, sum(copy.bytes for copy in copies), held))
    used = cached_bytes(tiers.fast) if tiers.is_split else 0
    free = shutil.disk_usage(tiers.fast).free if tiers.fast.is_dir() else 0
    held = sum(one.pinned for one in datasets)
    return FastUsage(tiers.fast, used, tiers.fast_budget, free, held, tuple(datasets))


def needed_for_sizes(version: AnyVersion, sides: Iterable[int]) -> list[StoredObject]:
    """Return the objects of a version that reading it at `sides` pixels takes, and the tables that belong to them.

    Raises:
        UnknownDataset: it was not published at one of those sizes.
    """
    if not isinstance(version, Version):
        raise UnknownDataset(f"version {version.number} holds {version.kind}, which have no sizes")
    known, chosen = version.parameters.sides, set(sides)
    if unknown := chosen - set(known):
        raise UnknownDataset(
            f"version {version.number} has no size {', '.join(map(str, sorted(unknown)))}; "
            f"it has: {', '.join(map(str, known))}"
        )
    left_out = [place for place, side in enumerate(known) if side not in chosen]
    others = {shard.objects[place] for shard in version.shards if shard.rows for place in left_out}
    others |= {version.views[place] for place in left_out if version.views}
    return [stored for stored in version.objects if stored not in others]


def _made_cache(tiers: Tiers, dataset: str) -> DatasetFolder:
    cache = tiers.cache(dataset)
    _require_cache(cache)
    for part in (cache.objects, cache.tmp, cache.pins):
        part.mkdir(parents=True, exist_ok=True)
    return cache


def _require_cache(cache: DatasetFolder) -> None:
    if not is_cache(cache):
        raise FileExistsError(
            f"{cache.path} should hold copies only, but a dataset was published there; choose another fast root, "
            "or give this one as --slow"
        )


def _is_usable(cache: DatasetFolder, stored: StoredObject, scratch: Path, *, check: bool) -> bool:
    """Tell whether a copy is there; one that is not what it should be is removed."""
    path = cache.objects / stored.name
    if is_present(cache, stored) and not (check and object_digest(path) != stored.digest):
        return True
    if os.path.lexists(path):
        # A folder does not vanish in one step; under another name nobody reads what is left of it.
        path.rename(scratch / stored.name)
        remove(scratch / stored.name)
    return False


def _copied(
    tiers: Tiers,
    dataset: str,
    missing: list[StoredObject],
    scratch: Path,
    *,
    keep: frozenset[str],
    on_bytes: Callable[[int], None],
) -> int:
    """Copy what is missing within a reservation of its bytes; return the bytes that were evicted for it."""
    authority, cache = tiers.authority(dataset), tiers.cache(dataset)
    kept = frozenset(cache.objects / name for name in keep)
    evicted: list[int] = []

    def make_room(lacking: int) -> int:
        evicted.append(evict(tiers.fast, lacking, keep=kept))
        return evicted[-1]

    if not missing:
        return 0
    with reserved(
        tiers.fast,
        sum(stored.bytes for stored in missing),
        purpose=f"copies of {dataset} for random reading",
        remedy=REMEDY,
        budget=tiers.fast_budget,
        used=lambda: cached_bytes(tiers.fast),
        make_room=make_room,
    ) as reservation:

        def on_copied(count: int) -> None:
            reservation.spend(count)
            on_bytes(count)

        for stored in missing:
            if is_present(cache, stored):
                # Another process has staged it meanwhile.
                on_copied(stored.bytes)
            else:
                copy_verified(authority, cache, stored, scratch, on_copied=on_copied)
    return sum(evicted)
