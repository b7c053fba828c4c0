"""The one way into `objects/`: synced, hashed, and named after its own content."""

from __future__ import annotations

import os
from pathlib import Path

from storage.digests import object_bytes, object_digest
from storage.durable import partial_name, sync_folder, sync_object
from storage.layout import DatasetFolder
from storage.receipts import StoredObject


def store_object(
    folder: DatasetFolder, built: Path, *, prefix: str, suffix: str, place: Path | None = None
) -> StoredObject:
    """Move a finished object from the run's scratch folder to its final name below `place`; return what it is.

    The name holds the hash of the content, so an object is never overwritten by a different one: what is
    found under the name is either the same bytes, or damaged and replaced. `place` is `objects/` unless given.
    """
    place = place or folder.objects
    sync_object(built)
    digest = object_digest(built)
    stored = StoredObject(f"{prefix}-{digest}{suffix}", digest, object_bytes(built))
    _put(built, place / stored.name, digest)
    return stored


def restore_object(folder: DatasetFolder, built: Path, stored: StoredObject) -> bool:
    """Move `built` from the scratch folder to where `stored` lies if its bytes are the same; tell whether they are."""
    if object_digest(built) != stored.digest:
        return False
    sync_object(built)
    _put(built, folder.objects / stored.name, stored.digest)
    return True


def _put(built: Path, final: Path, digest: str) -> None:
    if final.is_symlink() or final.exists():
        if not final.is_symlink() and object_digest(final) == digest:
            # What was used a moment ago is not garbage, whoever made it and when.
            os.utime(final)
            # Whoever made it may have been killed before the name was synced.
            sync_folder(final.parent)
            return
        # A folder cannot be replaced by a rename; the damaged one goes to the scratch folder, and away with it.
        final.rename(partial_name(built))
    try:
        built.rename(final)
    except OSError:
        # A folder cannot be renamed onto another: a second run has stored the same object meanwhile.
        if not final.is_dir() or object_digest(final) != digest:
            raise
    sync_folder(final.parent)
