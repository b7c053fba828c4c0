"""Lets a second dataset on the same root have an object of the first, without its bytes being written again."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from storage.copying import copy_verified
from storage.durable import remove, sync_folder
from storage.layout import DatasetFolder
from storage.receipts import StoredObject, is_present

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP})


def share_object(owner: DatasetFolder, other: DatasetFolder, stored: StoredObject, scratch: Path) -> None:
    """Give `other` an object of `owner` by hard links, or as a verified copy where the disk has none.

    Objects are never written to, so two names for the same bytes are safe: what one dataset collects, the other still
    has. Damage to the bytes is damage to both.

    Raises:
        DamagedDataset: the object is missing, or, where it is copied, not what was published.
    """
    if is_present(other, stored):
        return
    linked = scratch / f"{stored.name}.shared"
    try:
        _link(owner.objects / stored.name, linked)
    except OSError as error:
        remove(linked)
        if error.errno not in _NO_LINKS:
            raise
        copy_verified(owner, other, stored, scratch, on_copied=lambda count: None)
        return
    final = other.objects / stored.name
    remove(final)
    linked.rename(final)
    sync_folder(final.parent)


def _link(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link)
    else:
        os.link(source, target, follow_symlinks=False)
