"""The one way into `objects/`: synced, hashed, and named after its own content."""

from __future__ import annotations

from pathlib import Path

from storage.digests import object_bytes, object_digest
from storage.durable import partial_name, sync_folder, sync_object
from storage.layout import DatasetFolder
from storage.receipts import StoredObject


def store_object(folder: DatasetFolder, built: Path, *, prefix: str, suffix: str) -> StoredObject:
    """Move a finished object from the run's scratch folder to its final name; return what it is.

    The name holds the hash of the content, so an object is never overwritten by a different one: what is
    found under the name is either the same bytes, or damaged and replaced.
    """
    sync_object(built)
    digest = object_digest(built)
    stored = StoredObject(f"{prefix}-{digest}{suffix}", digest, object_bytes(built))
    final = folder.objects / stored.name
    if final.exists():
        if object_digest(final) == digest:
            return stored
        # A folder cannot be replaced by a rename; the damaged one goes to the scratch folder, and away with it.
        final.rename(partial_name(built))
    built.rename(final)
    sync_folder(folder.objects)
    return stored
