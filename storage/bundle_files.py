"""Finds the files of a bundle to read: a copy on the fast root if it is whole, else the original, else damage."""

from __future__ import annotations

import logging
from pathlib import Path

from storage.digests import object_digest
from storage.errors import DamagedDataset
from storage.receipts import StoredObject
from storage.tiers import Tiers

logger = logging.getLogger(__name__)


def whole_file(tiers: Tiers, dataset: str, stored: StoredObject) -> Path:
    """Return where a file of a bundle is, its bytes compared with those that were published.

    Raises:
        DamagedDataset: neither copy nor original is whole.
    """
    original = tiers.authority(dataset).objects / stored.name
    for path in dict.fromkeys((tiers.resolve(dataset, stored, "random"), original)):
        if path.is_file() and object_digest(path) == stored.digest:
            return path
        if path != original:
            tell_of_damaged_copy(path, dataset, "its bytes are not those that were published")
    raise DamagedDataset(
        f"{original} is missing or is not what was published",
        path=original,
        remedy=f"run: imagemill repair {dataset}",
    )


def tell_of_damaged_copy(copy: Path, dataset: str, problem: str) -> None:
    """Warn that a copy on the fast root cannot be read, and say how to make it anew."""
    logger.warning(
        "the copy %s failed, the slow root is read instead; make it anew with: imagemill stage %s --check (%s)",
        copy,
        dataset,
        problem,
    )
