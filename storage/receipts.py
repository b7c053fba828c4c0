"""Proof that a shard is whole. Receipts alone say what is done: no cache, no database, no state of a run."""

from __future__ import annotations

import logging
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from storage.digests import object_digest
from storage.durable import sync_folder
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.records import fingerprint, read_record, write_record
from storage.refused import PASSING, Refused

logger = logging.getLogger(__name__)

_OBJECT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}\.[a-z0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One published file or folder below `objects/`: its name there, BLAKE3 and size in bytes."""

    name: str
    digest: str
    bytes: int

    def __post_init__(self) -> None:
        # A record may come from anywhere; no name in it leads out of the folder.
        if not _OBJECT_NAME.fullmatch(self.name) or self.bytes < 0:
            raise ValueError(f"{self.name!r:.100} of {self.bytes} bytes is not an object that imagemill stores")


@dataclass(frozen=True, slots=True)
class ShardArray:
    """The rows of one shard at one size; `chunk_crcs` has the CRC-32C of each chunk of images, in order."""

    side: int
    stored: StoredObject
    rows_per_chunk: int
    chunk_crcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the listed inputs of one shard.

    `key` names what was asked for (names, sizes, times, parameters), `identity` what was found (names,
    hashes of the sources, parameters). `sources` has the BLAKE3 of each listed input in order, "" where
    it could not be read; `refused` stand in the same order.
    """

    key: str
    identity: str
    rows: int
    arrays: tuple[ShardArray, ...]
    ids_digest: str
    sources: tuple[str, ...]
    refused: tuple[Refused, ...]
    cpu_seconds: float

    @property
    def listed(self) -> int:
        return len(self.sources)

    @property
    def bytes(self) -> int:
        """The bytes of its objects."""
        return sum(array.stored.bytes for array in self.arrays)

    @property
    def stored_positions(self) -> list[int]:
        """Return the positions of the inputs that became rows, in the order of the rows."""
        gaps = {refused.position for refused in self.refused}
        return [position for position in range(self.listed) if position not in gaps]

    @property
    def is_final(self) -> bool:
        """Tell whether the same files would give the same again: nothing was refused for a reason that may pass."""
        return not any(refused.reason in PASSING for refused in self.refused)


def shard_identity(
    parameters_digest: str,
    *,
    names: tuple[str, ...],
    labels: tuple[int, ...],
    sources: tuple[str, ...],
    refused: tuple[int, ...],
) -> str:
    """Return the hash of what a shard holds: parameters, and of each input name, label, hash, and if it was refused."""
    return fingerprint([parameters_digest, names, labels, sources, refused])


def write_receipt(folder: DatasetFolder, receipt: Receipt) -> None:
    """Store a receipt; the objects it names must be durable already.

    One of other content under the same key is kept under its identity: a version may stand on it.
    """
    former = _readable_receipt(folder, receipt.key)
    if former is not None and former.identity != receipt.identity:
        write_record(folder.former_receipt(former.key, former.identity), "receipt", former)
    write_record(folder.receipt(receipt.key), "receipt", receipt)


def set_aside_receipt(folder: DatasetFolder, receipt: Receipt) -> None:
    """Let a receipt prove no more that its shard is done; a version that stands on it finds it under its identity."""
    write_record(folder.former_receipt(receipt.key, receipt.identity), "receipt", receipt)
    path = folder.receipt(receipt.key)
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def published_receipt(folder: DatasetFolder, key: str, identity: str) -> Receipt:
    """Read the receipt on which a version stands, which a later run may have superseded.

    Raises:
        DamagedDataset: it is missing or its bytes are not those that were written.
    """
    return locate_receipt(folder, key, identity)[1]


def locate_receipt(folder: DatasetFolder, key: str, identity: str) -> tuple[Path, Receipt]:
    """Return where the receipt lies on which a version stands, and the receipt; raise as `published_receipt` does."""
    problem = None
    places = folder.receipt(key), folder.former_receipt(key, identity)
    for path in places:
        try:
            receipt = _read(path, key)
        except FileNotFoundError:
            continue
        except DamagedDataset as error:
            problem = problem or error
            continue
        if receipt.identity == identity:
            return path, receipt
    path = places[1] if places[0].exists() else places[0]
    remedy = f"run: imagemill repair {folder.name}"
    text = f"{path} is missing: without it the rows cannot be checked"
    raise problem or DamagedDataset(text, path=path, need=identity, remedy=remedy)


def read_receipt(folder: DatasetFolder, key: str) -> Receipt:
    """Read the receipt of the shard `key`.

    Raises:
        FileNotFoundError: that shard is not done.
        DamagedDataset: the receipt's bytes are not those that were written.
    """
    return _read(folder.receipt(key), key)


def _read(path: Path, key: str) -> Receipt:
    receipt = read_record(path, "receipt", Receipt)
    if receipt.key != key:
        raise DamagedDataset(f"{path} is the receipt of another shard", path=path, need=key, have=receipt.key)
    return receipt


def find_receipt(folder: DatasetFolder, key: str) -> Receipt | None:
    """Return the receipt of the shard `key` if it is there and its objects have the sizes that it states.

    A damaged receipt proves nothing: the shard counts as not done. So does one that is not final.
    """
    receipt = _readable_receipt(folder, key)
    if receipt is None or not receipt.is_final:
        return None
    return receipt if all(is_present(folder, array.stored) for array in receipt.arrays) else None


def write_published_receipt(folder: DatasetFolder, receipt: Receipt) -> Path:
    """Put back the receipt on which a version stands, beside the one that superseded it, if any did; return where."""
    found = _readable_receipt(folder, receipt.key)
    is_superseded = found is not None and found.identity != receipt.identity
    path = folder.former_receipt(receipt.key, receipt.identity) if is_superseded else folder.receipt(receipt.key)
    write_record(path, "receipt", receipt)
    return path


def _readable_receipt(folder: DatasetFolder, key: str) -> Receipt | None:
    try:
        return read_receipt(folder, key)
    except FileNotFoundError:
        return None
    except DamagedDataset as error:
        logger.warning("a receipt proves nothing, the shard will be built again: %s", error)
        return None


def adopt_receipt(folder: DatasetFolder, receipt: Receipt, *, key: str) -> Receipt:
    """Let the shard `key` share the objects of `receipt`: other file times, but the same content."""
    adopted = replace(receipt, key=key, cpu_seconds=0.0)
    write_receipt(folder, adopted)
    return adopted


def is_present(folder: DatasetFolder, stored: StoredObject) -> bool:
    """Tell whether an object exists with its size; a folder's size is left to `verify`, it takes many stats.

    A symbolic link is no object, whatever it leads to.
    """
    try:
        found = (folder.objects / stored.name).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_size == stored.bytes)


def is_whole_object(folder: DatasetFolder, stored: StoredObject) -> bool:
    """Tell whether an object is there, byte for byte."""
    return is_present(folder, stored) and object_digest(folder.objects / stored.name) == stored.digest
