"""The shards of one size that a reader has open: pinned, from the right disk, and from the slow one if need be."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from storage.array_formats import MOST_CHUNK_BYTES, array_format
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.pair_versions import RowVersion
from storage.pins import Pin, pin
from storage.receipts import ShardArray, StoredObject, published_receipt
from storage.shard_rows import ShardRows
from storage.tiers import Reading, Tiers
from storage.versions import VersionShard

logger = logging.getLogger(__name__)

HOLD_SECONDS = 3600.0
"""A pin is refreshed at least as often while rows are read, well within the day for which it counts."""

Result = TypeVar("Result")


class OpenShards:
    """Opens the shards of one version and size as they are asked for; may be used by several threads.

    A shard stays open: that takes a few kilobytes and no file. A copy on the fast root is disposable: where it is
    missing or damaged, the slow root's object takes its place.
    """

    def __init__(
        self, tiers: Tiers, dataset: str, version: RowVersion, place: int, *, access: Reading, check: bool
    ) -> None:
        """`place` is that of the array among the objects of a shard."""
        self._tiers, self._dataset, self._version, self._side = tiers, dataset, version, version.sides[place]
        self._reads_copies = access != "sequential" and tiers.is_split
        self._leaves_traces = access != "glance"
        self._check = check
        self._place = place
        self._format = array_format(version.array_format)
        self._open: dict[str, ShardRows] = {}
        self._lock = threading.RLock()
        self._pins: dict[DatasetFolder, Pin] = {}
        self._distrusted: set[str] = set()
        self._told_of_missing = False
        self._held_at = time.monotonic()

    def read(self, shard: VersionShard, reading: Callable[[ShardRows], Result]) -> Result:
        """Return what `reading` makes of a shard; if a fast copy fails it, of the slow root's object.

        Raises:
            DamagedDataset: the slow root's object is damaged, too.
        """
        opened = self._open.get(shard.key) or self._opened(shard)
        try:
            return reading(opened)
        except (DamagedDataset, OSError) as error:
            if not self._is_copy(opened.path):
                # Somebody may repair it before it is asked for again.
                self._forget(shard)
                raise
            self._distrust(shard, opened.path, error)
        return reading(self._opened(shard))

    def close(self) -> None:
        """Close the shards that are open, and let go of all."""
        for shard in self._open.values():
            shard.close()
        self._open.clear()
        for held in self._pins.values():
            held.close()
        self._pins.clear()

    def refresh(self) -> None:
        """Show that this reader lives, if it has not for long; cheap enough to be called for each batch."""
        if time.monotonic() - self._held_at > HOLD_SECONDS:
            with self._lock:
                self._hold()

    def _opened(self, shard: VersionShard) -> ShardRows:
        with self._lock:
            if shard.key not in self._open:
                # Pinned first: what is looked for and opened before could be evicted in between.
                self._hold()
                self._open[shard.key] = self._newly_opened(shard)
            return self._open[shard.key]

    def _forget(self, shard: VersionShard) -> None:
        with self._lock:
            found = self._open.pop(shard.key, None)
        if found is not None:
            found.close()

    def _newly_opened(self, shard: VersionShard) -> ShardRows:
        path = self._path(shard)
        if not self._is_copy(path):
            return self._open_at(path, shard)
        try:
            if self._leaves_traces:
                _touch(path)
            return self._open_at(path, shard)
        except (DamagedDataset, OSError) as error:
            self._distrust(shard, path, error)
        return self._open_at(self._path(shard), shard)

    def _path(self, shard: VersionShard) -> Path:
        stored = shard.objects[self._place]
        if not self._reads_copies or shard.key in self._distrusted:
            return self._tiers.resolve(self._dataset, stored, "sequential")
        path = self._tiers.resolve(self._dataset, stored, "random")
        if not self._is_copy(path):
            self._tell_of_missing(stored)
        return path

    def _hold(self) -> None:
        """See to it that this process has a pin on each root that it may read from, unless it only glances."""
        self._held_at = time.monotonic()
        if not self._leaves_traces:
            return
        folders = [self._tiers.authority(self._dataset)]
        if self._reads_copies:
            folders.append(self._tiers.cache(self._dataset))
        for folder in folders:
            held = self._pins.get(folder)
            if held is None or not held.is_held:
                names = (shard.objects[self._place].name for shard in self._version.shards if shard.rows)
                self._pins[folder] = pin(folder, self._version.number, names)
            else:
                held.refresh()

    def _open_at(self, path: Path, shard: VersionShard) -> ShardRows:
        array = self._format.open(path)
        try:
            if (len(array), array.spec.side) != (shard.rows, self._side):
                raise DamagedDataset(
                    f"{path} should hold {shard.rows} rows of {self._side} pixels, "
                    f"it holds {len(array)} of {array.spec.side}",
                    path=path,
                )
            if not self._check:
                return ShardRows(path, array, dataset=self._dataset)
            known = self._published(path, shard, array.spec.row_bytes)
            crcs, rows_per_crc = known.chunk_crcs, known.rows_per_chunk
            return ShardRows(path, array, dataset=self._dataset, rows_per_crc=rows_per_crc, crcs=crcs)
        except BaseException:
            array.close()
            raise

    def _published(self, path: Path, shard: VersionShard, row_bytes: int) -> ShardArray:
        """Return what the receipt says of the array at `path`, with a checksum for every row."""
        receipt = published_receipt(self._tiers.authority(self._dataset), shard.key, shard.identity)
        for array in receipt.arrays[self._place : self._place + 1]:
            covered = array.rows_per_chunk
            # To check one row takes the memory of all that its checksum covers.
            is_sane = covered == 1 or 1 < covered <= MOST_CHUNK_BYTES // row_bytes
            if array.side == self._side and is_sane and len(array.chunk_crcs) == -(-shard.rows // covered):
                return array
        raise DamagedDataset(
            f"{path} has {shard.rows} rows of {self._side} pixels, its receipt has not the checksums of so many",
            path=path,
        )

    def _distrust(self, shard: VersionShard, copy: Path, error: Exception) -> None:
        """Leave a fast copy alone from now on, and warn of it."""
        self._forget(shard)
        self._distrusted.add(shard.key)
        if not copy.exists():
            return self._tell_of_missing(shard.objects[self._place])
        logger.warning(
            "the copy %s failed, the slow root is read instead; make it anew with: imagemill stage %s --check (%s)",
            copy,
            self._dataset,
            error,
        )

    def _tell_of_missing(self, stored: StoredObject) -> None:
        if not self._told_of_missing:
            self._told_of_missing = True
            logger.warning(
                "%s is missing, and perhaps others: the slow root is read instead; copy what is missing with: "
                "imagemill stage %s",
                self._tiers.cache(self._dataset).objects / stored.name,
                self._dataset,
            )

    def _is_copy(self, path: Path) -> bool:
        return self._reads_copies and path.parent == self._tiers.cache(self._dataset).objects


def _touch(copy: Path) -> None:
    """Note that a copy was used: the one that was not used for longest is evicted first."""
    try:
        os.utime(copy, follow_symlinks=False)
    except OSError as error:
        logger.debug("%s is read without a note of it: %s", copy, error)
