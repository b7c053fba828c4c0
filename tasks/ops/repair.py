"""Makes a damaged dataset whole again: from its spares, from copies, and last from the images that it was made of."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from storage.damage import Damage
from storage.datasets import IMAGES, DatasetMark, existing_dataset, make_parts
from storage.durable import remove, write_durably
from storage.errors import DamagedDataset, DatasetError, named_disk_errors
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.objects import restore_object
from storage.pair_versions import PairVersion, RowVersion
from storage.plain_files import read_file
from storage.plans import PLAN_FILES
from storage.promotions import KIND as PROMOTION
from storage.promotions import Promotion, ensure_promotion_copies
from storage.publishing import AnyVersion
from storage.receipts import Receipt, StoredObject
from storage.record_checks import CheckedRecords, checked_records
from storage.records import record_in, write_record
from storage.scratch import scratch_folder
from storage.spares import ensure_spare, is_whole_spare, restored_from_spare, spare_of, spared_copies
from storage.staging import stage
from storage.tiers import Tiers
from storage.verification import Verification, verified
from storage.versions import Version
from tasks.ops.pair_repair import rebuilt_pairs
from tasks.ops.shard_repair import rebuilt_shards

MAX_ROUNDS = 5
"""What is restored may show more damage: a version its plan, a plan its listings."""


@dataclass(slots=True)
class Repair:
    """What was done: each path that is whole again and from what, each damage that stays and why."""

    dataset: str
    repaired: dict[Path, str] = field(default_factory=dict)
    unrepaired: dict[Path, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        return not self.unrepaired


@dataclass(frozen=True, slots=True)
class _Work:
    """A repair under way."""

    tiers: Tiers
    folder: DatasetFolder
    scratch: Path
    done: Repair


def repair_dataset(
    tiers: Tiers,
    dataset: str,
    *,
    source: Path | None,
    workers: int,
    on_start: Callable[[int], None] = lambda total: None,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Repair:
    """Check all of a dataset, and restore to the bit what is damaged or missing; what is whole is not touched.

    `source` is where the images are now, if not where the plan says.

    Raises:
        UnknownDataset: there is no such dataset.
        DatasetLocked: a run is at work on it.
        DiskFull, DiskFailed: the disk has no room for what is built again, or fails.
    """
    folder = existing_dataset(tiers.slow, dataset)
    make_parts(folder)
    with (
        named_disk_errors(folder.path, doing=f"{dataset} was repaired"),
        dataset_lock(folder),
        scratch_folder(folder) as scratch,
    ):
        work = _Work(tiers, folder, scratch, Repair(dataset))
        records = _restored_records(work)
        found = verified(tiers, dataset, share=1.0, on_start=on_start, on_bytes=on_bytes)
        by_path = {folder.objects / stored.name: stored for stored in _objects(records)}
        lost = [damage for damage in found.damages if damage.tier == "slow" and not _copied_back(work, by_path, damage)]
        _rebuild(work, records, lost, source=source, workers=workers)
        _renew_copies(work, [damage.path for damage in found.damages if damage.tier == "fast"], by_path)
        _renew_spares(work, records)
        ensure_promotion_copies(folder)
        _note_what_stays(work, records, found, verified(tiers, dataset, share=0.0))
    return work.done


# ---- Records: from the spares


def _restored_records(work: _Work) -> CheckedRecords:
    """Put back what the spares have of damaged records; a version that is back may show more."""
    for _ in range(MAX_ROUNDS):
        records = checked_records(work.folder)
        if not any([_restored(work, records, damage) for damage in records.damages]):
            return records
    return checked_records(work.folder)


def _restored(work: _Work, records: CheckedRecords, damage: Damage) -> bool:
    folder = work.folder
    if damage.path == folder.marker:
        _clear_folder(folder.marker)
        write_record(folder.marker, "dataset", DatasetMark(folder.name, _kind_of(records)))
        return _is_back(work, [damage.path], "made anew")
    if damage.path.parent == folder.promotions:
        return _restored_promotion(work, damage.path)
    if damage.shard is not None:
        return _restored_receipt(work, records.versions[damage.versions[0]], damage)
    paths = [damage.path]
    if damage.path.parent.parent == folder.path / "plans":
        # Two plans may have changed places in part: one of the four alone proves nothing.
        paths = [damage.path.with_name(name) for name in PLAN_FILES]
    copies = {path: content for path in paths for content in islice(spared_copies(folder, path), 1)}
    for path, content in copies.items():
        path.parent.mkdir(exist_ok=True)
        _put(path, content)
    return len(copies) == len(paths) and _is_back(work, [damage.path], "from its spare copy")


def _kind_of(records: CheckedRecords) -> str:
    """Return what a dataset holds, from its versions, or from the spares where all records of versions are lost."""
    for version in records.versions.values():
        return IMAGES if isinstance(version, Version) else version.kind
    marker = records.folder.marker
    marks = (
        record_in(content, "dataset", DatasetMark, path=marker) for content in spared_copies(records.folder, marker)
    )
    return next((mark.kind for mark in marks), IMAGES)


def _restored_receipt(work: _Work, version: AnyVersion, damage: Damage) -> bool:
    folder = work.folder
    shard = next(shard for shard in version.shards if shard.key == damage.shard)
    for path in (folder.receipt(shard.key), folder.former_receipt(shard.key, shard.identity)):
        for content in spared_copies(folder, path):
            if record_in(content, "receipt", Receipt, path=path).identity == shard.identity:
                _put(damage.path, content)
                return _is_back(work, [damage.path], "from its spare copy")
    _clear_folder(damage.path)
    return False


def _restored_promotion(work: _Work, path: Path) -> bool:
    copy = work.folder.promotion_copy(int(path.stem))
    try:
        content = read_file(copy)
        record_in(content, PROMOTION, Promotion, path=copy)
    except (FileNotFoundError, DamagedDataset):
        return False
    path.parent.mkdir(exist_ok=True)
    _put(path, content)
    return _is_back(work, [path], "from its copy")


def _put(path: Path, content: bytes) -> None:
    _clear_folder(path)
    write_durably(path, content)


def _clear_folder(path: Path) -> None:
    """Remove a folder that stands where a file should: a file could not take its place."""
    if path.is_dir() and not path.is_symlink():
        remove(path)


def _is_back(work: _Work, paths: Iterable[Path], how: str) -> bool:
    work.done.repaired |= dict.fromkeys(paths, how)
    return True


# ---- Objects: from the spares, the fast root and the trash, before anything is built


def _objects(records: CheckedRecords) -> Iterator[StoredObject]:
    for version in records.versions.values():
        yield from version.objects


def _copied_back(work: _Work, by_path: dict[Path, StoredObject], damage: Damage) -> bool:
    stored = by_path.get(damage.path)
    if stored is None:
        return False
    if restored_from_spare(work.folder, stored, work.scratch):
        return _is_back(work, [damage.path], "from its spare copy")
    built = work.scratch / stored.name
    for how in _fetched(work, stored, built):
        if restore_object(work.folder, built, stored):
            return _is_back(work, [damage.path], how)
        remove(built)
    return False


def _fetched(work: _Work, stored: StoredObject, built: Path) -> Iterator[str]:
    """Put one candidate after the other at `built`; yield where it is from."""
    places = [*work.folder.trash.rglob(stored.name)]
    if work.tiers.is_split:
        places.insert(0, work.tiers.cache(work.folder.name).objects / stored.name)
    for place in places:
        if place.is_dir() and not place.is_symlink():
            shutil.copytree(place, built, symlinks=True)
        elif place.is_file() and not place.is_symlink():
            shutil.copyfile(place, built)
        else:
            continue
        yield f"copied from {place}"


# ---- Shards: from the images, those of pairs from the good images


def _rebuild(work: _Work, records: CheckedRecords, lost: list[Damage], *, source: Path | None, workers: int) -> None:
    """Build the shards again of which pixels or the receipt are lost."""
    with_rows = [version for version in records.versions.values() if isinstance(version, RowVersion)]
    for version in sorted(with_rows, key=lambda version: -version.number):
        # One key may stand for two shards: what was missing then, and is there now.
        by_shard: dict[str, list[Path]] = {}
        for damage in lost:
            if damage.shard is not None and max(damage.versions) == version.number:
                by_shard.setdefault(damage.shard, []).append(damage.path)
        wanted = [shard for shard in version.shards if shard.key in by_shard]
        scratch = work.scratch / str(version.number)
        scratch.mkdir()
        if isinstance(version, PairVersion):
            how = f"made again from the images of {version.origin.dataset}"
            results = rebuilt_pairs(work.tiers, work.folder, version, wanted, scratch=scratch, workers=workers)
        else:
            how = "rebuilt from the images"
            results = rebuilt_shards(work.folder, version, wanted, scratch=scratch, source=source, workers=workers)
        for key, why in results:
            if why is None:
                _is_back(work, by_shard[key], how)
            else:
                work.done.unrepaired |= dict.fromkeys(by_shard[key], why)


# ---- What follows from the rest


def _renew_copies(work: _Work, paths: list[Path], by_path: dict[Path, StoredObject]) -> None:
    """Stage again what was damaged on the fast root, where its original is whole."""
    for path in paths:
        remove(path)
        stored = by_path[work.folder.objects / path.name]
        try:
            stage(work.tiers, work.folder.name, [stored])
        except DatasetError as error:
            # Without a copy, readers take the original.
            work.done.repaired[path] = f"removed, and not copied again: {error}"
        else:
            work.done.repaired[path] = "copied again from the slow root"


def _renew_spares(work: _Work, records: CheckedRecords) -> None:
    for version in records.versions.values():
        found = spare_of(work.folder, version.number)
        if found is not None and is_whole_spare(found):
            continue
        try:
            path = ensure_spare(work.folder, version, work.scratch)
        except (DamagedDataset, FileNotFoundError):
            # Something that it should hold is lost for good, and reported as such.
            continue
        work.done.repaired |= {path: "written anew"} | ({found: "replaced"} if found else {})


def _note_what_stays(work: _Work, records: CheckedRecords, found: Verification, left: Verification) -> None:
    """`left` comes of a look at names and sizes: what `found` hashed before and nobody restored is damaged still."""
    kind = _kind_of(records)
    remedy = "" if kind == IMAGES else f"; the command that made these {kind} makes it again"
    for damage in left.damages:
        work.done.repaired.pop(damage.path, None)
    for damage in (*left.damages, *found.damages):
        if damage.path not in work.done.repaired:
            work.done.unrepaired.setdefault(damage.path, f"{damage.problem}; there is no copy of it{remedy}")
