"""Which disk a byte is read from. The slow root is the authority; the fast one holds copies that may vanish."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storage.digests import object_digest
from storage.durable import partial_name, remove, sync_folder, sync_object
from storage.errors import DamagedDataset, NotEnoughSpace
from storage.layout import DatasetFolder
from storage.receipts import StoredObject, is_present

logger = logging.getLogger(__name__)

Access = Literal["sequential", "random"]
HEADROOM_BYTES = 64 * 1024 * 1024
"""Left free on a disk, besides what is going to be written: records, tables and file system metadata."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """The two roots; they may be the same folder."""

    slow: Path
    fast: Path

    def authority(self, dataset: str) -> DatasetFolder:
        """Return the dataset's folder on the slow root, where everything is published."""
        return DatasetFolder.below(self.slow, dataset)

    def cache(self, dataset: str) -> DatasetFolder:
        """Return the dataset's folder on the fast root."""
        return DatasetFolder.below(self.fast, dataset)

    @property
    def is_split(self) -> bool:
        """Tell whether there are two disks to choose from."""
        return self.slow.resolve() != self.fast.resolve()

    def resolve(self, dataset: str, stored: StoredObject, access: Access) -> Path:
        """Return the path to read an object from: sequential access goes to the slow root, random to a fast copy."""
        slow = self.authority(dataset).objects / stored.name
        if access == "sequential" or not self.is_split:
            return slow
        fast = self.cache(dataset).objects / stored.name
        if is_present(self.cache(dataset), stored):
            return fast
        logger.warning("%s has no copy of %s; reading the slow one", self.fast, stored.name)
        return slow


def stage(tiers: Tiers, dataset: str, objects: Iterable[StoredObject]) -> int:
    """Copy objects from the slow to the fast root, each checked against its hash; return the bytes copied.

    Raises:
        NotEnoughSpace: they do not fit; nothing was copied.
        DamagedDataset: an object on the slow root is not what was published.
    """
    cache = tiers.cache(dataset)
    cache.objects.mkdir(parents=True, exist_ok=True)
    missing = [stored for stored in objects if not is_present(cache, stored)]
    needed = sum(stored.bytes for stored in missing)
    require_space(cache.path, needed, purpose=f"copies of {dataset} for random reading")
    for stored in missing:
        _copy_verified(tiers.authority(dataset), cache, stored)
    return needed


def require_space(folder: Path, needed: int, *, purpose: str) -> None:
    """Check that the disk of `folder` has room for `needed` bytes.

    Raises:
        NotEnoughSpace: it has not.
    """
    free = shutil.disk_usage(folder).free
    if needed + HEADROOM_BYTES > free:
        raise NotEnoughSpace(
            f"{folder} has {free / 1e9:.2f} GB free, {purpose} need {(needed + HEADROOM_BYTES) / 1e9:.2f} GB: "
            "free some space, choose another root, or limit the job (--limit, fewer or smaller --size)"
        )


def _copy_verified(authority: DatasetFolder, cache: DatasetFolder, stored: StoredObject) -> None:
    final = cache.objects / stored.name
    partial = partial_name(final)
    try:
        try:
            _copy(authority.objects / stored.name, partial)
        except FileNotFoundError as error:
            raise DamagedDataset(f"{authority.objects / stored.name} is missing") from error
        if object_digest(partial) != stored.digest:
            raise DamagedDataset(
                f"{authority.objects / stored.name} is damaged: its hash is not the published {stored.digest}"
            )
        sync_object(partial)
        partial.rename(final)
    except OSError:
        # A folder cannot be renamed onto another: a second process has staged the same object.
        if not final.is_dir():
            raise
    finally:
        remove(partial)
    sync_folder(cache.objects)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copyfile(source, target, follow_symlinks=False)
