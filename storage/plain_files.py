"""Opens what should be a plain file of a dataset, and nothing else: a dataset may come from anybody.

A link could lead anywhere, a pipe would keep the reader waiting for ever, and a file of a terabyte that holds nothing
would take all memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from storage.errors import DamagedDataset

MOST_BYTES = 256 * 1024 * 1024
"""More than any record has: the plan of a million shards takes a third of it."""

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def require_file(path: Path) -> None:
    """Check that `path` is a plain file.

    Raises:
        FileNotFoundError: there is nothing.
        DamagedDataset: it is something else.
    """
    _require(path, path.lstat(), stat.S_IFREG)


def require_folder(path: Path) -> None:
    """Raise what `require_file` does unless `path` is a folder, and no link to one."""
    _require(path, path.lstat(), stat.S_IFDIR)


def open_file(path: Path) -> FileIO:
    """Open a plain file for reading, unbuffered; raise as `require_file` does."""
    return open(open_plain(path), "rb", buffering=0)


def open_plain(path: Path) -> int:
    """Return the descriptor of a plain file, open for reading; raise as `require_file` does."""
    require_file(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        # Another thing may stand there by now.
        _require(path, os.fstat(descriptor), stat.S_IFREG)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_file(path: Path) -> bytes:
    """Return the content of a plain file of at most `MOST_BYTES`.

    Raises:
        FileNotFoundError: there is nothing.
        DamagedDataset: it is no plain file, or a larger one.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            raise DamagedDataset(f"{path} has {size} bytes, more than imagemill puts there", path=path, have=size)
        return file.read()


def strays_below(folder: Path) -> Iterator[Path]:
    """Yield what is neither a plain file nor a folder, at any depth."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry))
                elif not entry.is_file(follow_symlinks=False):
                    yield Path(entry)


def named_kind(mode: int) -> str:
    """Return what a person calls a thing of that `st_mode`."""
    return _KINDS.get(stat.S_IFMT(mode), "a device")


def _require(path: Path, found: os.stat_result, wanted: int) -> None:
    if stat.S_IFMT(found.st_mode) != wanted:
        raise DamagedDataset(f"{path} is {named_kind(found.st_mode)}, which imagemill never makes there", path=path)
