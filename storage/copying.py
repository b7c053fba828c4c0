"""Takes one object from the slow to the fast root: under another name, compared with its hash, synced, renamed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from storage.digests import object_bytes, object_digest
from storage.durable import remove, sync_folder, sync_object
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.plain_files import open_file, require_file
from storage.receipts import StoredObject

BLOCK_BYTES = 4 * 1024 * 1024
"""Copied at once, and reported as often."""


def copy_verified(
    authority: DatasetFolder,
    cache: DatasetFolder,
    stored: StoredObject,
    scratch: Path,
    *,
    on_copied: Callable[[int], None],
) -> None:
    """Copy one object by way of `scratch`, which lies on the disk of `cache`; no more than its bytes are written.

    Raises:
        DamagedDataset: it is missing, or not what was published.
    """
    source, partial = authority.objects / stored.name, scratch / stored.name
    remedy = f"run: imagemill repair {authority.name}"
    try:
        _require_size(source, stored.bytes, remedy)
        _copy(source, partial, on_copied)
        if object_digest(partial) != stored.digest:
            raise DamagedDataset(
                f"{source} is damaged: its hash is not the published {stored.digest}",
                path=source,
                need=stored.digest,
                remedy=remedy,
            )
        sync_object(partial)
        _put(partial, cache.objects / stored.name)
    finally:
        remove(partial)


def _require_size(source: Path, expected: int, remedy: str) -> None:
    try:
        if not stat.S_ISDIR(source.lstat().st_mode):
            require_file(source)
        found = object_bytes(source)
    except FileNotFoundError as error:
        raise DamagedDataset(f"{source} is missing", path=source, remedy=remedy) from error
    if found != expected:
        raise DamagedDataset(
            f"{source} is damaged: it should have {expected} bytes, it has {found}",
            path=source,
            need=expected,
            have=found,
            remedy=remedy,
        )


def _put(partial: Path, final: Path) -> None:
    try:
        partial.rename(final)
    except OSError:
        # A folder cannot be renamed onto another: a second process has staged the same object.
        if not final.is_dir():
            raise
    sync_folder(final.parent)


def _copy(source: Path, target: Path, on_copied: Callable[[int], None]) -> None:
    """Copy a file, or a folder of files; anything else is damage, and a link is not followed."""
    if not stat.S_ISDIR(source.lstat().st_mode):
        return _copy_file(source, target, on_copied)
    target.mkdir()
    for name in sorted(os.listdir(source)):
        _copy(source / name, target / name, on_copied)


def _copy_file(source: Path, target: Path, on_copied: Callable[[int], None]) -> None:
    with open_file(source) as readable, target.open("xb") as writable:
        block = memoryview(bytearray(min(BLOCK_BYTES, max(1, os.fstat(readable.fileno()).st_size))))
        while count := readable.readinto(block):
            writable.write(block[:count])
            writable.flush()
            on_copied(count)
