"""Published states of a dataset: immutable, numbered, created only if absent. There is no "latest" to corrupt."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from storage.errors import DamagedDataset, UnknownDataset, VersionConflict
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from storage.receipts import StoredObject
from storage.records import create_record, fingerprint, read_record

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VersionShard:
    """One shard of a version: the key of its receipt, its identity, and an object for each size, if it has rows."""

    key: str
    identity: str
    rows: int
    objects: tuple[StoredObject, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable published state. `views` has a virtual HDF5 file for each size, where the format has one.

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

    @property
    def objects(self) -> list[StoredObject]:
        """Return every object that this version needs."""
        of_shards = [stored for shard in self.shards for stored in shard.objects]
        return [*of_shards, self.table, *self.views]


def version_identity(shard_identities: tuple[str, ...], classes: tuple[str, ...]) -> str:
    """Return the hash of what a version holds; when, where and by whom it was built do not count."""
    return fingerprint([shard_identities, classes])


def version_numbers(folder: DatasetFolder) -> list[int]:
    """Return the numbers of the versions on disk, ascending; no content is read."""
    if not folder.versions.is_dir():
        return []
    return sorted(int(path.stem) for path in folder.versions.glob("[0-9]*.json") if path.stem.isdecimal())


def read_version(folder: DatasetFolder, number: int) -> Version:
    """Read one version.

    Raises:
        UnknownDataset: there is no version of that number.
        DamagedDataset: its bytes are not those that were published.
    """
    try:
        return read_record(folder.version(number), "version", Version)
    except FileNotFoundError as error:
        known = ", ".join(map(str, version_numbers(folder))) or "none"
        raise UnknownDataset(f"{folder.path} has no version {number}; it has: {known}") from error


def current_version(folder: DatasetFolder) -> Version | None:
    """Return the highest version whose record is valid; a damaged one is passed over with a warning."""
    for number in reversed(version_numbers(folder)):
        try:
            return read_version(folder, number)
        except DamagedDataset as error:
            logger.warning("version %d is passed over: %s", number, error)
    return None


def publish(folder: DatasetFolder, draft: Version, *, built_on: int | None) -> tuple[Version, bool]:
    """Publish `draft` under the next free number; return the version, and whether it is new.

    `built_on` is the number of the version that was current when the draft was planned, None if there was none.
    The same content as the current version's is not published twice.

    Raises:
        VersionConflict: another run published other content while this one was building.
    """
    # The number is taken before the current version is read: whoever publishes in between has taken it.
    number = max(version_numbers(folder), default=0) + 1
    current = current_version(folder)
    if current is not None and current.identity == draft.identity:
        return current, False
    if (current.number if current else None) != built_on:
        raise _conflict(folder, current.number if current else 0)
    version = replace(draft, number=number, parent=built_on)
    if create_record(folder.version(number), "version", version):
        return version, True
    winner = read_version(folder, number)
    if winner.identity == version.identity:
        return winner, False
    raise _conflict(folder, number)


def _conflict(folder: DatasetFolder, number: int) -> VersionConflict:
    return VersionConflict(
        f"another run published version {number} of {folder.name} with other content while this one was building; "
        "nothing of it was overwritten. Run again to build on top of it"
    )
