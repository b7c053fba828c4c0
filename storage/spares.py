"""A second copy of all that a version is besides pixels, which only the source images could bring back otherwise.

One zip file for each version, written after the version was published: where a spare stands without its version,
the version was lost.
"""

from __future__ import annotations

import logging
import re
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from storage.bundles import Bundle, has_file_receipt, read_file_receipt
from storage.datasets import DatasetMark
from storage.digests import object_digest
from storage.durable import not_as_written, remove, sync_folder, write_durably
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.objects import restore_object, store_object
from storage.plain_files import MOST_BYTES
from storage.plans import PLAN_FILES, require_whole_plan
from storage.publishing import AnyVersion, read_published
from storage.receipts import StoredObject, is_whole_object, locate_receipt
from storage.records import read_record
from storage.versions import Version

logger = logging.getLogger(__name__)

SUFFIX = ".zip"
_NAME = re.compile(r"(\d{8})-([0-9a-f]{64})\.zip")
_STORED_AS_IT_IS = {".parquet", ".h5", ".pt"}
_NOT_UNPACKED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a zip file knows: the same files make the same spare."""


def spare_of(folder: DatasetFolder, number: int) -> Path | None:
    """Return the spare of version `number`, if there is one; its bytes are not looked at."""
    return next((path for found, path in spares_in(folder) if found == number), None)


def spares_in(folder: DatasetFolder) -> Iterator[tuple[int, Path]]:
    """Yield the version's number and the path of each spare, ascending."""
    for path in sorted(folder.spares.glob(f"*{SUFFIX}")):
        if name := _NAME.fullmatch(path.name):
            yield int(name[1]), path


def is_whole_spare(path: Path) -> bool:
    """Tell whether the bytes of a spare are those that its name promises."""
    name = _NAME.fullmatch(path.name)
    return name is not None and object_digest(path) == name[2]


def ensure_spare(folder: DatasetFolder, version: AnyVersion, scratch: Path) -> Path:
    """Write the spare of a published version unless there is one; return it.

    Raises:
        DamagedDataset, FileNotFoundError: what it should hold is not what was published, or is missing.
    """
    # A run that was killed may have left names that are not on the disk yet. Whoever finds them reports the version,
    # and a spare must never outlast its version.
    for part in (folder.versions, folder.spares):
        sync_folder(part)
    found = spare_of(folder, version.number)
    if found is not None and is_whole_spare(found):
        return found
    built = scratch / f"spare{SUFFIX}"
    remove(built)
    _require_whole(folder, version)
    with zipfile.ZipFile(built, "x") as archive:
        for path in spared_files(folder, version):
            member = zipfile.ZipInfo(path.relative_to(folder.path).as_posix(), _EPOCH)
            packed = zipfile.ZIP_STORED if path.suffix in _STORED_AS_IT_IS else zipfile.ZIP_DEFLATED
            archive.writestr(member, path.read_bytes(), packed, compresslevel=1)
    with zipfile.ZipFile(built) as archive:
        # It compares the checksums of what went in with what is on the disk.
        if archive.testzip() is not None:
            raise not_as_written(built)
    stored = store_object(folder, built, prefix=f"{version.number:08d}", suffix=SUFFIX, place=folder.spares)
    if found is not None and found.name != stored.name:
        remove(found)
    return folder.spares / stored.name


def spared_files(folder: DatasetFolder, version: AnyVersion) -> Iterator[Path]:
    """Yield the files that the spare of a version holds: records, listings, receipts, table, views, card, report."""
    yield folder.marker
    yield folder.version(version.number)
    if isinstance(version, Version):
        yield from (folder.plan(version.plan) / name for name in PLAN_FILES)
    if isinstance(version, Bundle):
        yield from (folder.receipt(key) for key in version.receipts)
    yield from (locate_receipt(folder, shard.key, shard.identity)[0] for shard in version.shards)
    yield from (folder.objects / stored.name for stored in version.companions)


def restored_from_spare(folder: DatasetFolder, stored: StoredObject, scratch: Path) -> bool:
    """Put an object back that a spare holds; return whether one does."""
    built = scratch / stored.name
    for content in spared_copies(folder, folder.objects / stored.name):
        remove(built)
        built.write_bytes(content)
        if restore_object(folder, built, stored):
            return True
    return False


def restore_bundle(folder: DatasetFolder, bundle: Bundle, scratch: Path) -> None:
    """Put back what a spare holds of the receipts, tables and card of `bundle`, where they are damaged or missing."""
    for key in bundle.receipts:
        if not has_file_receipt(folder, key):
            for content in islice(spared_copies(folder, folder.receipt(key)), 1):
                write_durably(folder.receipt(key), content)
    for stored in bundle.companions:
        if not is_whole_object(folder, stored):
            restored_from_spare(folder, stored, scratch)


def _require_whole(folder: DatasetFolder, version: AnyVersion) -> None:
    """Check what can be wrong without a reader's noticing: a spare of damaged files would hide the damage."""
    read_record(folder.marker, "dataset", DatasetMark)
    read_published(folder, version.number)
    if isinstance(version, Version):
        require_whole_plan(folder, version.plan)
    if isinstance(version, Bundle):
        for key in version.receipts:
            read_file_receipt(folder, key)
    for stored in version.companions:
        path = folder.objects / stored.name
        if path.is_dir() or object_digest(path) != stored.digest:
            raise DamagedDataset(
                f"{path} is not what was published", path=path, remedy=f"run: imagemill repair {folder.name}"
            )


def spared_copies(folder: DatasetFolder, path: Path) -> Iterator[bytes]:
    """Yield each copy of a file of the dataset that a whole spare holds, the newest version's first."""
    member = path.relative_to(folder.path).as_posix()
    for _, spare in reversed(list(spares_in(folder))):
        if not is_whole_spare(spare):
            continue
        try:
            content = _member(spare, member)
        except _NOT_UNPACKED as error:
            logger.warning("%s is passed over, %s cannot be unpacked from it: %s", spare, member, error)
            continue
        if content is not None:
            yield content


def _member(spare: Path, name: str) -> bytes | None:
    # What does not shrink is stored as it is; no record is larger than the other bound.
    most = max(spare.stat().st_size, MOST_BYTES)
    with zipfile.ZipFile(spare) as archive:
        if name not in archive.NameToInfo:
            return None
        if (size := archive.getinfo(name).file_size) > most:
            raise zipfile.BadZipFile(f"it claims to have {size} bytes")
        return archive.read(name)
