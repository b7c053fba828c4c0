"""Files that are read again and again, a few hundred bytes or kilobytes at a time: opened once, and not too many."""

from __future__ import annotations

import os
import resource
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path

from storage.errors import DamagedDataset
from storage.plain_files import open_plain

MOST_OPEN = 4096


class OpenFiles:
    """Keeps the files open that were read last; may be used by several threads, and across a fork."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: OrderedDict[str, _Descriptor] = OrderedDict()
        self._lock = threading.Lock()

    def read_into(self, path: str, offset: int, out: memoryview) -> None:
        """Fill `out`, bytes, with what stands in the file from `offset` on.

        Raises:
            DamagedDataset: the file is missing, is no plain file, or ends before.
        """
        self.read_each(path, (offset,), (out,))

    def read_each(self, path: str, offsets: Iterable[int], parts: Iterable[memoryview]) -> None:
        """Fill each of `parts` with what stands in the file from its offset on; raise as `read_into` does."""
        descriptor = self._open.get(path) or self._opened(path)
        number, read = descriptor.number, os.preadv
        # Short on purpose. The kernel copies without the lock of the interpreter; between two parts it is held, and
        # other threads wait.
        for offset, part in zip(offsets, parts, strict=True):
            if (count := read(number, (part,), offset)) != part.nbytes:
                raise DamagedDataset(
                    f"{path} ends before the {part.nbytes} bytes from {offset} on",
                    path=Path(path),
                    need=part.nbytes,
                    have=count,
                )

    def forget(self, path: str) -> None:
        """Close a file, and all files below a folder of that name, once nobody reads them any more."""
        with self._lock:
            for known in [known for known in self._open if known == path or known.startswith(f"{path}/")]:
                del self._open[known]

    def _opened(self, path: str) -> _Descriptor:
        try:
            descriptor = _Descriptor(open_plain(Path(path)))
        except FileNotFoundError as error:
            raise DamagedDataset(f"{path} is missing", path=Path(path)) from error
        with self._lock:
            self._open[path] = descriptor
            if len(self._open) > self._most:
                # Those that were opened first: to note each use would cost as much as the use.
                self._open.popitem(last=False)
        return descriptor


class _Descriptor:
    """An open file. It is closed when the last thread that reads it lets go, never under one that does."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.number)


def _most_open() -> int:
    """Return how many files may be kept open, a share of what this process may have."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(MOST_OPEN, allowed // 2))


ROW_FILES = OpenFiles(_most_open())
"""The files that rows are read from in this process."""
