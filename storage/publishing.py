"""Publishes a version, of images or of files, created only if absent; reads it back whatever it is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard, TypeVar

from storage.bundles import Bundle, read_bundle
from storage.durable import sync_folder
from storage.errors import DamagedDataset, VersionConflict
from storage.layout import DatasetFolder
from storage.pair_versions import RECORD as PAIR_RECORD
from storage.pair_versions import PairVersion, read_pair_version
from storage.receipts import is_present
from storage.records import create_record, record_kind
from storage.versions import Version, highest_valid, read_version

AnyVersion = Version | PairVersion | Bundle
Draft = TypeVar("Draft", bound=AnyVersion)


_RECORDS: dict[type[AnyVersion], str] = {Version: "version", PairVersion: PAIR_RECORD, Bundle: "bundle"}
_READING: dict[str, Callable[[DatasetFolder, int], AnyVersion]] = {
    PAIR_RECORD: read_pair_version,
    "bundle": read_bundle,
}


def read_published(folder: DatasetFolder, number: int) -> AnyVersion:
    """Read one version, whether of images or of files.

    Raises:
        UnknownDataset: there is no version of that number.
        DamagedDataset: its bytes are not those that were published.
        UnreadableRecord: another version of this code wrote it.
    """
    reading = _READING.get(record_kind(folder.version(number)) or "", read_version)
    return reading(folder, number)


def current_published(folder: DatasetFolder) -> AnyVersion | None:
    """Return the highest version whose record is valid; a damaged one is passed over with a warning."""
    return highest_valid(folder, read_published)


def publish(folder: DatasetFolder, draft: Draft) -> tuple[Draft, bool]:
    """Publish `draft` under its number; return the version that has its content, and whether that is new.

    Its number was the next one, and its parent the current version, when it was drafted: whoever published in
    between has taken the number. The same content as the current version's is not published twice.

    Raises:
        VersionConflict: another run published other content while this one was building.
        DamagedDataset: an object of the draft is gone.
    """
    current = current_published(folder)
    if _is_same(current, draft):
        return current, False
    if (current.number if current else None) != draft.parent:
        raise _conflict(folder, current.number if current else 0)
    for stored in draft.objects:
        if not is_present(folder, stored):
            path = folder.objects / stored.name
            raise DamagedDataset(f"{path} vanished before it could be published", path=path, remedy="run again")
    # A run that was killed may have given a name that is not on the disk yet, and this one has found it there.
    for part in (folder.objects, folder.path / "receipts", folder.path / "plans"):
        sync_folder(part)
    if create_record(folder.version(draft.number), _RECORDS[type(draft)], draft):
        return draft, True
    winner = read_published(folder, draft.number)
    if _is_same(winner, draft):
        return winner, False
    raise _conflict(folder, draft.number)


def _is_same(found: AnyVersion | None, draft: Draft) -> TypeGuard[Draft]:
    return found is not None and type(found) is type(draft) and found.identity == draft.identity


def _conflict(folder: DatasetFolder, number: int) -> VersionConflict:
    return VersionConflict(
        f"another run published version {number} of {folder.name} with other content while this one was building; "
        "nothing of it was overwritten",
        path=folder.version(number),
        remedy="run again to build on top of it",
    )
