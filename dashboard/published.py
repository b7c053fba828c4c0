"""Records of versions, read once: that of a million rows takes 20 ms, and a page of thumbnails asks 60 times."""

from __future__ import annotations

import threading
from collections import OrderedDict

from storage.layout import DatasetFolder
from storage.publishing import AnyVersion, read_published

KEPT = 16

Key = tuple[str, int, int, int]


class PublishedVersions:
    """The versions that were looked at last; may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, AnyVersion] = OrderedDict()

    def read(self, folder: DatasetFolder, number: int) -> AnyVersion:
        """Return a version; raise as `read_published` does."""
        key = _key(folder, number)
        with self._lock:
            if key is None or key not in self._kept:
                found = read_published(folder, number)
                if key is None:
                    return found
                self._kept[key] = found
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


def _key(folder: DatasetFolder, number: int) -> Key | None:
    """Return what tells a record from any other, also from what stands in its place later; None where there is none."""
    path = folder.version(number)
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return (str(path), found.st_ino, found.st_mtime_ns, found.st_size)
