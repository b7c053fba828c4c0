"""Checks whatever of a dataset holds its own checksum: mark, versions, plans and receipts, and that they agree."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from storage.bundles import Bundle, read_file_receipt
from storage.damage import Damage
from storage.datasets import DatasetMark
from storage.errors import DamagedDataset, DatasetError, UnknownDataset, UnreadableRecord
from storage.layout import DatasetFolder
from storage.plain_files import read_file, require_file
from storage.plans import PLAN_FILES, require_whole_plan
from storage.promotions import copied_promotions, promotion_numbers, promotions_of, require_whole_promotion
from storage.publishing import AnyVersion, read_published
from storage.receipts import Receipt
from storage.records import FORMAT, read_record
from storage.spares import spares_in
from storage.versions import Version, VersionShard, version_identity, version_numbers

Value = TypeVar("Value")

MAX_GAP = 10_000
"""More versions than this are not lost in one place."""


@dataclass(slots=True)
class CheckedRecords:
    """The valid versions by number, and what was found; `notes` are no damage, but somebody should know."""

    folder: DatasetFolder
    versions: dict[int, AnyVersion] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0

    def attempt(
        self,
        read: Callable[[], Value],
        *,
        path: Path,
        versions: tuple[int, ...] = (),
        shard: str | None = None,
    ) -> Value | None:
        """Return what `read` does, or note the damage at the path that its error names, `path` if it names none."""
        self.files += 1
        try:
            require_file(path)
            return read()
        except FileNotFoundError as error:
            found, problem = Path(error.filename), "missing"
        except UnknownDataset:
            found, problem = path, "missing"
        except DatasetError as error:
            # One of another kind, but of our format, is ours and in the wrong place.
            if isinstance(error, UnreadableRecord) and _format_of(path) != FORMAT:
                raise
            found = error.path or path
            problem = str(error).removeprefix(f"{found} ") if found.exists() else "missing"
        except OSError as error:
            found, problem = path, f"cannot be read: {error.strerror}"
        self.note_damage(Damage(found, problem, versions=versions, shard=shard))
        return None

    def note_damage(self, damage: Damage) -> None:
        """Count a file once, however many versions stand on it."""
        if damage.path not in {known.path for known in self.damages}:
            self.damages.append(damage)


def checked_records(folder: DatasetFolder) -> CheckedRecords:
    """Read every record of a dataset and compare them with each other.

    Raises:
        UnreadableRecord: another version of this code made the dataset.
    """
    found = CheckedRecords(folder)
    found.attempt(lambda: _require_mark(folder), path=folder.marker)
    spared = {number for number, _ in spares_in(folder)}
    numbers = version_numbers(folder)
    # gc removes the lowest versions with their spares: a gap, or a spare alone, is a version that was lost.
    for number in sorted(_expected(numbers) | spared):
        _check_version(found, number)
        if number not in spared:
            found.notes.append(
                f"version {number} has no spare copy of its records; the next prepare or `imagemill repair "
                f"{folder.name}` makes one"
            )
    for version in found.versions.values():
        if isinstance(version, Version):
            _check_plan(found, version)
        if isinstance(version, Bundle):
            _check_file_receipts(found, version)
    _check_receipts(found)
    _check_promotions(found)
    return found


def _expected(numbers: list[int]) -> set[int]:
    """Return the numbers that there should be: no gap, unless it is so wide that somebody made the highest up."""
    is_likely = bool(numbers) and numbers[-1] - numbers[0] < MAX_GAP + len(numbers)
    return set(range(numbers[0], numbers[-1] + 1)) if is_likely else set(numbers)


def _format_of(path: Path) -> int:
    return msgspec.json.decode(read_file(path))["format"]


def _require_mark(folder: DatasetFolder) -> None:
    mark = read_record(folder.marker, "dataset", DatasetMark)
    if mark.name != folder.name:
        raise DamagedDataset(f"{folder.marker} is the mark of {mark.name!r}", path=folder.marker)


def _check_version(found: CheckedRecords, number: int) -> None:
    folder = found.folder
    path = folder.version(number)
    version = found.attempt(lambda: read_published(folder, number), path=path, versions=(number,))
    if version is None:
        return
    found.versions[number] = version
    if isinstance(version, Version) and not _is_sum_of_shards(version):
        found.note_damage(Damage(path, "its identity is not that of its shards", versions=(number,)))


def _is_sum_of_shards(version: Version) -> bool:
    return version.identity == version_identity(tuple(shard.identity for shard in version.shards), version.classes)


def _check_plan(found: CheckedRecords, version: Version) -> None:
    place = found.folder.plan(version.plan)
    known = len(found.damages)
    for name in PLAN_FILES:
        found.attempt(lambda: None, path=place / name, versions=(version.number,))
    if len(found.damages) == known:
        found.attempt(
            lambda: require_whole_plan(found.folder, version.plan),
            path=place / PLAN_FILES[0],
            versions=(version.number,),
        )
        found.files -= 1


def _check_file_receipts(found: CheckedRecords, bundle: Bundle) -> None:
    for key in bundle.receipts:
        path = found.folder.receipt(key)
        found.attempt(lambda key=key: read_file_receipt(found.folder, key), path=path, versions=(bundle.number,))


def _check_promotions(found: CheckedRecords) -> None:
    """Read each promotion; whether what was promoted is still there, its versions tell."""
    folder = found.folder
    numbers, copied = promotion_numbers(folder), copied_promotions(folder)
    # None is ever collected: a gap is one that was lost.
    for number in sorted(_expected([1, *numbers])) if numbers else ():
        found.attempt(lambda number=number: require_whole_promotion(folder, number), path=folder.promotion(number))
        if number not in copied:
            remedy = f"the next promotion or `imagemill repair {folder.name}` makes one"
            found.notes.append(f"promotion {number} has no second copy; {remedy}")
    for promotion in promotions_of(folder):
        version = found.versions.get(promotion.version)
        if version is not None and version.identity != promotion.identity:
            problem = f"it is of another version {promotion.version} than there is"
            found.note_damage(Damage(folder.promotion(promotion.number), problem, versions=(promotion.version,)))


def _check_receipts(found: CheckedRecords) -> None:
    """Read each receipt once, however many versions share it."""
    users = [(version.number, shard) for version in found.versions.values() for shard in version.shards]
    latest: dict[str, dict[str, int]] = {}
    for number, shard in users:
        latest.setdefault(shard.key, {})[shard.identity] = number
    known = {shard.identity for _, shard in users}
    seen: set[tuple[Path, VersionShard]] = set()
    for number, shard in users:
        others = (later for identity, later in latest[shard.key].items() if identity != shard.identity)
        path = _receipt_place(found.folder, shard, is_superseded=any(later > number for later in others))
        if (path, shard) not in seen:
            seen.add((path, shard))
            found.attempt(
                lambda shard=shard, path=path: _require_receipt(found.folder, path, shard, known=known),
                path=path,
                versions=(number,),
                shard=shard.key,
            )


def _receipt_place(folder: DatasetFolder, shard: VersionShard, *, is_superseded: bool) -> Path:
    """Return where the receipt of a shard belongs: the newest one of a key has the plain name."""
    former = folder.former_receipt(shard.key, shard.identity)
    return former if is_superseded or os.path.lexists(former) else folder.receipt(shard.key)


def _require_receipt(folder: DatasetFolder, path: Path, shard: VersionShard, *, known: set[str]) -> None:
    receipt = read_record(path, "receipt", Receipt)
    if receipt.key == shard.key and receipt.identity not in known:
        # A later run, or a version that cannot be read now, has superseded the one that is wanted.
        path = folder.former_receipt(shard.key, shard.identity)
        raise DamagedDataset(f"{path} is missing", path=path)
    if (receipt.key, receipt.identity) != (shard.key, shard.identity):
        raise DamagedDataset(f"{path} is the receipt of another shard", path=path)
    if receipt.rows != shard.rows or tuple(array.stored for array in receipt.arrays) != shard.objects:
        raise DamagedDataset(f"{path} does not speak of the objects that the version names", path=path)
