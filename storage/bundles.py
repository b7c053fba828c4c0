"""Published states of named files that are no rows of images, such as word maps: as immutable as a `Version`."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from storage.errors import DamagedDataset, UnknownDataset
from storage.layout import DatasetFolder
from storage.receipts import StoredObject, is_whole_object
from storage.records import fingerprint, read_record, write_record
from storage.versions import VersionShard, highest_valid, read_numbered

logger = logging.getLogger(__name__)

Facts = tuple[tuple[str, str], ...]
"""Names with what is known of each, in the order in which a person wants them."""


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A file or folder of files, its name within the bundle, and whether the spare copy of the version holds it, too.

    What is large and can be made again is not spared, nor is any folder.
    """

    name: str
    stored: StoredObject
    is_spared: bool


@dataclass(frozen=True, slots=True)
class FileReceipt:
    """Proof that the files of one step are whole: `key` hashes all that decides them, and `made_of` tells of it."""

    key: str
    made_of: Facts
    files: tuple[BundleFile, ...]
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Bundle:
    """One immutable published state of named files.

    `kind` says what they are and `request` hashes what was asked for, both for whoever made them. `made_of` tells of
    their origin, `receipts` has the keys of the receipts of the steps, and `card` is for people.
    """

    number: int
    parent: int | None
    identity: str
    created: str
    kind: str
    request: str
    made_of: Facts
    receipts: tuple[str, ...]
    files: tuple[BundleFile, ...]
    card: StoredObject

    @property
    def objects(self) -> list[StoredObject]:
        """Return every object that this version needs, once: equal files are one object."""
        return list(dict.fromkeys([*(file.stored for file in self.files), self.card]))

    @property
    def companions(self) -> list[StoredObject]:
        """Return the objects that its spare copy holds."""
        return list(dict.fromkeys([*(file.stored for file in self.files if file.is_spared), self.card]))

    @property
    def bytes(self) -> int:
        """The bytes of its files."""
        return sum(file.stored.bytes for file in self.files)

    @property
    def shards(self) -> tuple[VersionShard, ...]:
        """Return that there are none: it has no rows."""
        return ()

    def file(self, name: str) -> StoredObject:
        """Return the object of one file.

        Raises:
            UnknownDataset: there is none of that name.
        """
        for file in self.files:
            if file.name == name:
                return file.stored
        known = ", ".join(file.name for file in self.files)
        raise UnknownDataset(f"version {self.number} has no {name}; it has: {known}")


def bundle_identity(kind: str, files: tuple[BundleFile, ...]) -> str:
    """Return the hash of what a bundle holds; when, where and how it was made do not count, nor does its card."""
    return fingerprint([kind, sorted((file.name, file.stored.digest) for file in files)])


def read_bundle(folder: DatasetFolder, number: int) -> Bundle:
    """Read one version.

    Raises:
        UnknownDataset: there is no version of that number, or it is one of images.
        DamagedDataset: its bytes are not those that were published.
        UnreadableRecord: another version of this code wrote it.
    """
    path = folder.version(number)
    images = "images, and no files such as word maps"
    others = {"version": images, "pair-version": images}
    bundle = read_numbered(folder, number, "bundle", Bundle, others=others)
    names = {file.name for file in bundle.files}
    if len(names) < len(bundle.files) or bundle.identity != bundle_identity(bundle.kind, bundle.files):
        raise DamagedDataset(f"{path} contradicts itself: imagemill did not write it", path=path)
    return bundle


def current_bundle(folder: DatasetFolder) -> Bundle | None:
    """Return the highest version whose record is valid; a damaged one is passed over with a warning."""
    return highest_valid(folder, read_bundle)


def write_file_receipt(folder: DatasetFolder, receipt: FileReceipt) -> None:
    """Store a receipt; the objects that it names must be durable already."""
    write_record(folder.receipt(receipt.key), "file-receipt", receipt)


def read_file_receipt(folder: DatasetFolder, key: str) -> FileReceipt:
    """Read the receipt of the step `key`.

    Raises:
        FileNotFoundError: that step is not done.
        DamagedDataset: the receipt's bytes are not those that were written.
    """
    path = folder.receipt(key)
    receipt = read_record(path, "file-receipt", FileReceipt)
    if receipt.key != key:
        raise DamagedDataset(f"{path} is the receipt of another step", path=path, need=key, have=receipt.key)
    return receipt


def has_file_receipt(folder: DatasetFolder, key: str) -> bool:
    """Tell whether the receipt of the step `key` is there and undamaged; its objects are not looked at."""
    try:
        read_file_receipt(folder, key)
    except (FileNotFoundError, DamagedDataset):
        return False
    return True


def is_whole_bundle(folder: DatasetFolder, bundle: Bundle) -> bool:
    """Tell whether receipts and files of a version are there, byte for byte."""
    return all(has_file_receipt(folder, key) for key in bundle.receipts) and all(
        is_whole_object(folder, stored) for stored in bundle.objects
    )


def find_file_receipt(folder: DatasetFolder, key: str) -> FileReceipt | None:
    """Return the receipt of the step `key` if it is there and its objects have the bytes that it states.

    They are hashed: that takes a second where the step took minutes. A damaged receipt proves nothing.
    """
    try:
        receipt = read_file_receipt(folder, key)
    except FileNotFoundError:
        return None
    except DamagedDataset as error:
        logger.warning("a receipt proves nothing, its step will be done again: %s", error)
        return None
    return receipt if all(is_whole_object(folder, file.stored) for file in receipt.files) else None
