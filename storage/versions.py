"""Published states of a dataset of images: immutable and numbered. There is no "latest" to corrupt."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from storage.array_formats import known_formats
from storage.errors import DamagedDataset, UnknownDataset, UnreadableRecord
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from storage.receipts import StoredObject
from storage.records import fingerprint, read_record, record_kind

logger = logging.getLogger(__name__)

Record = TypeVar("Record")
Numbered = TypeVar("Numbered", bound="HasNumber")

_NAME = re.compile(r"([0-9]{8})\.json")

NO_IMAGES = {"bundle": "files such as word maps, and no images", "pair-version": "pairs, and no prepared images"}
"""What a dataset holds, by the kind of the records in `versions/` that are none of images."""

MAX_SIDE = 65_536
"""No array of ours is wider; a larger number in a record is a lie."""


class HasNumber(Protocol):
    """A published state of whatever kind."""

    @property
    def number(self) -> int: ...


@dataclass(frozen=True, slots=True)
class VersionShard:
    """One shard of a version: the key of its receipt, its identity, and an object for each size, if it has rows."""

    key: str
    identity: str
    rows: int
    objects: tuple[StoredObject, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable published state. `views` has a virtual HDF5 file for each size, where the format has one;
    `card` is for people, `report` lists the refused inputs.

    Objects of a shard and views stand in the order of `parameters.sides`.
    """

    number: int
    parent: int | None
    identity: str
    plan: str
    created: str
    source: str
    parameters: Parameters
    classes: tuple[str, ...]
    listed: int
    stored: int
    refused: int
    bytes: int
    shards: tuple[VersionShard, ...]
    table: StoredObject
    views: tuple[StoredObject, ...]
    report: StoredObject
    card: StoredObject | None

    @property
    def sides(self) -> tuple[int, ...]:
        """Return the sizes of its images, in pixels."""
        return self.parameters.sides

    @property
    def array_format(self) -> str:
        """Return the name of the format of its arrays."""
        return self.parameters.array_format

    @property
    def objects(self) -> list[StoredObject]:
        """Return every object that this version needs."""
        of_shards = [stored for shard in self.shards for stored in shard.objects]
        return [*of_shards, *self.companions]

    @property
    def companions(self) -> list[StoredObject]:
        """Return the objects that hold no pixels of their own."""
        return [self.table, *self.views, self.report, *([self.card] if self.card else [])]


def version_identity(shard_identities: tuple[str, ...], classes: tuple[str, ...]) -> str:
    """Return the hash of what a version holds; when, where and by whom it was built do not count."""
    return fingerprint([shard_identities, classes])


def version_numbers(folder: DatasetFolder) -> list[int]:
    """Return the numbers of the versions on disk, ascending; no content is read."""
    if not folder.versions.is_dir():
        return []
    return sorted(int(name[1]) for path in folder.versions.iterdir() if (name := _NAME.fullmatch(path.name)))


def read_version(folder: DatasetFolder, number: int) -> Version:
    """Read one version.

    Raises:
        UnknownDataset: there is no version of that number, or it is not one of images.
        DamagedDataset: its bytes are not those that were published.
        UnreadableRecord: another version of this code wrote it.
    """
    path = folder.version(number)
    version = read_numbered(folder, number, "version", Version, others=NO_IMAGES)
    require_known_format(path, version.array_format)
    if not _makes_sense(version):
        raise DamagedDataset(f"{path} contradicts itself: imagemill did not write it", path=path)
    return version


def read_numbered(
    folder: DatasetFolder, number: int, kind: str, type_: type[Numbered], *, others: Mapping[str, str]
) -> Numbered:
    """Read the record of version `number`, which should be of `kind`; whether it makes sense is the caller's to see.

    `others` says what a dataset holds whose versions are records of another kind.

    Raises:
        UnknownDataset: there is no version of that number, or it is one of `others`.
        DamagedDataset: its bytes are not those that were published.
        UnreadableRecord: another version of this code wrote it.
    """
    path = folder.version(number)
    try:
        record = read_record(path, kind, type_)
    except FileNotFoundError as error:
        known = ", ".join(map(str, version_numbers(folder))) or "none"
        raise UnknownDataset(f"{folder.path} has no version {number}; it has: {known}") from error
    except DamagedDataset as error:
        if other := others.get(record_kind(path) or ""):
            raise UnknownDataset(f"{folder.path} holds {other}") from error
        raise
    if record.number != number:
        raise DamagedDataset(f"{path} is the record of another version", path=path, need=number, have=record.number)
    return record


def require_known_format(path: Path, name: str) -> None:
    """Raise UnreadableRecord if the record at `path` names an array format that this code does not have."""
    if name not in known_formats():
        raise UnreadableRecord(
            f"{path} names the array format {name:.40}; this version of imagemill knows {', '.join(known_formats())}",
            path=path,
        )


def _makes_sense(version: Version) -> bool:
    """Tell whether counts and sizes agree with each other, so that readers may rely on them."""
    sides, shards = version.parameters.sides, version.shards
    sizes = all(1 <= side <= MAX_SIDE for side in sides) and len(set(sides)) == len(sides)
    rows = all(has_its_objects(shard, sides) for shard in shards)
    totals = (
        version.stored + version.refused == version.listed and sum(shard.rows for shard in shards) == version.stored
    )
    order = (version.parent or 0) < version.number and version.refused >= 0
    return sizes and rows and totals and order


def has_its_objects(shard: VersionShard, sides: tuple[int, ...]) -> bool:
    """Tell whether there is an object for each size, of no fewer bytes than its pixels have: none is compressed."""
    if not shard.rows:
        return not shard.objects
    pixels = [shard.rows * side * side * 3 for side in sides]
    enough = all(stored.bytes >= needed for stored, needed in zip(shard.objects, pixels, strict=False))
    return shard.rows > 0 and len(shard.objects) == len(sides) and enough


def current_version(folder: DatasetFolder) -> Version | None:
    """Return the highest version whose record is valid; a damaged one is passed over with a warning."""
    return highest_valid(folder, read_version)


def highest_valid(folder: DatasetFolder, read: Callable[[DatasetFolder, int], Record]) -> Record | None:
    """Return what `read` makes of the highest version that it does not find damaged."""
    for number in reversed(version_numbers(folder)):
        try:
            return read(folder, number)
        except DamagedDataset as error:
            logger.warning("version %d is passed over: %s", number, error)
    return None


def next_number(folder: DatasetFolder) -> int:
    """Return the number that the next version will have."""
    return max(version_numbers(folder), default=0) + 1
