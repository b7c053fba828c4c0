"""Lets a second dataset on the same root have an object of the first, without its bytes being written again."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from storage.copying import copy_verified
from storage.digests import object_digest
from storage.durable import remove, sync_folder, sync_object
from storage.layout import DatasetFolder
from storage.receipts import StoredObject, is_present

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP})


def share_object(owner: DatasetFolder, other: DatasetFolder, stored: StoredObject, scratch: Path) -> None:
    """Give `other` an object of `owner` by hard links, or as a verified copy where the disk has none.

    Objects are never written to, so two names for the same bytes are safe: what one dataset collects, the other still
    has. Damage to the bytes is damage to both.

    Raises:
        FileNotFoundError: the object is missing.
        DamagedDataset: where it is copied: it is missing, or not what was published.
    """
    source, final, linked = owner.objects / stored.name, other.objects / stored.name, scratch / f"{stored.name}.shared"
    if _is_there(source, final, other, stored):
        # What is used is not garbage, however old it is.
        os.utime(final)
        return
    remove(linked)
    try:
        _link(source, linked)
    except OSError as error:
        remove(linked)
        if error.errno not in _NO_LINKS:
            raise
        remove(final)
        copy_verified(owner, other, stored, scratch, on_copied=lambda count: None)
        return
    os.utime(linked)
    sync_object(linked)
    if linked.is_dir() or final.is_dir():
        # A folder cannot take the place of anything by a rename.
        remove(final)
    linked.rename(final)
    sync_folder(final.parent)


def _is_there(source: Path, final: Path, other: DatasetFolder, stored: StoredObject) -> bool:
    """Tell whether `other` has the object; one that is not the owner's own file is hashed."""
    if not is_present(other, stored):
        return False
    is_linked = final.is_file() and source.is_file() and source.samefile(final)
    return is_linked or object_digest(final) == stored.digest


def _link(source: Path, target: Path) -> None:
    """Link a file, or all files of a folder. Not by shutil, which hides why the first of them failed."""
    if source.is_symlink() or not source.is_dir():
        os.link(source, target, follow_symlinks=False)
        return
    target.mkdir()
    for name in sorted(os.listdir(source)):
        _link(source / name, target / name)
