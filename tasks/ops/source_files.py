"""Reads image files of a source tree without following links, and only if they are what was listed."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from types import TracebackType

from storage.errors import SourceFailed
from storage.names import escaped
from storage.refused import Reason, Refusal

ATTEMPTS = 3
RETRY_SECONDS = 0.5
MAX_BYTES_PER_PIXEL = 4
"""A file larger than this many bytes for each pixel allowed cannot be an image within the limits."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REFUSALS = {
    errno.ENOENT: Reason.MISSING,
    errno.ENOTDIR: Reason.NOT_A_REGULAR_FILE,
    errno.ELOOP: Reason.NOT_A_REGULAR_FILE,
    errno.ENXIO: Reason.NOT_A_REGULAR_FILE,
    errno.EACCES: Reason.UNREADABLE,
    errno.EPERM: Reason.UNREADABLE,
}


class SourceFolder:
    """The root of a source tree, held open; a context manager."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._max_bytes = max_bytes

    def __enter__(self) -> SourceFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._root)

    def read(self, path: bytes, *, size: int, mtime_ns: int) -> bytes | Refusal:
        """Return the bytes of the file at `path` below the root, or why it is refused.

        Raises:
            SourceFailed: the disk failed `ATTEMPTS` times. That is never the image's fault, and ends the run.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._read_once(path, size=size, mtime_ns=mtime_ns)
            except OSError as error:
                if reason := _REFUSALS.get(error.errno or 0):
                    return Refusal(reason, error.strerror or str(error))
                if attempt == ATTEMPTS:
                    raise SourceFailed(
                        f"the source {escaped(path)} cannot be read, tried {ATTEMPTS} times: {error.strerror}",
                        have=error.strerror,
                        remedy="look at the disk of the images, then run the same command again",
                    ) from error
                time.sleep(RETRY_SECONDS * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _read_once(self, path: bytes, *, size: int, mtime_ns: int) -> bytes | Refusal:
        descriptor = self._open(path)
        if isinstance(descriptor, Refusal):
            return descriptor
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return Refusal(Reason.NOT_A_REGULAR_FILE, stat.filemode(found.st_mode))
            if (found.st_size, found.st_mtime_ns) != (size, mtime_ns):
                return Refusal(Reason.CHANGED, _difference(found, size=size, mtime_ns=mtime_ns))
            if size > self._max_bytes:
                return Refusal(Reason.TOO_MANY_BYTES, f"{size} bytes, the limit is {self._max_bytes}")
            return self._read_stable(descriptor, found)
        finally:
            os.close(descriptor)

    def _open(self, path: bytes) -> int | Refusal:
        """Open one file, step by step so that no folder on the way is a link either."""
        *folders, name = path.split(b"/")
        parent = os.dup(self._root)
        try:
            for folder in folders:
                # One level at a time is open: a tree may be deeper than a process may have files.
                outer, parent = parent, os.open(folder, _FOLDER, dir_fd=parent)
                os.close(outer)
            # Looked at before it is opened: opening a device may have effects, and a FIFO may block.
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            if not stat.S_ISREG(mode):
                return Refusal(Reason.NOT_A_REGULAR_FILE, stat.filemode(mode))
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        finally:
            os.close(parent)

    @staticmethod
    def _read_stable(descriptor: int, before: os.stat_result) -> bytes | Refusal:
        """Read the whole file; a writer at work in the meantime shows in its size or its time."""
        # One call reads it all, and one more shows that there is no more: nothing is copied.
        content = os.read(descriptor, before.st_size + 1)
        while len(content) <= before.st_size and (block := os.read(descriptor, before.st_size - len(content) + 1)):
            content += block
        after = os.fstat(descriptor)
        if len(content) != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
            return Refusal(Reason.CHANGED, _difference(after, size=before.st_size, mtime_ns=before.st_mtime_ns))
        return content


def _difference(found: os.stat_result, *, size: int, mtime_ns: int) -> str:
    return (
        f"listed with {size} bytes, changed at {mtime_ns / 1e9:.3f}; "
        f"found with {found.st_size} bytes, changed at {found.st_mtime_ns / 1e9:.3f}"
    )
