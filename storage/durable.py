"""Bytes that survive a power cut: written under a temporary name, synced, and only then given their name."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import DamagedDataset


def partial_name(path: Path) -> Path:
    """Return a temporary sibling of `path`; anything that ends in `.partial` is never read."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make the bytes of one file durable."""
    _sync(path, os.O_RDONLY)


def sync_object(path: Path) -> None:
    """Make one array object durable, a file or a folder of files."""
    if not path.is_dir():
        return sync_file(path)
    for folder, _, files in os.walk(path):
        for name in files:
            sync_file(Path(folder, name))
        sync_folder(Path(folder))


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: afterwards either the old bytes or the new ones are there, whole."""
    partial = _synced_partial(path, content)
    try:
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create_durably(path: Path, content: bytes) -> bool:
    """Create `path` with `content` unless it exists; return whether this call created it.

    A hard link is refused by the kernel when the name is taken, so of two racing writers one wins.
    """
    partial = _synced_partial(path, content)
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def require_same(path: Path, content: bytes) -> None:
    """Read a file back that was just written.

    Raises:
        DamagedDataset: it holds other bytes than were meant.
    """
    if path.read_bytes() != content:
        raise not_as_written(path)


def not_as_written(path: Path) -> DamagedDataset:
    """Return the error for a file that does not read back as it was written."""
    return DamagedDataset(
        f"{path} does not read back as it was written; the disk or the memory cannot be trusted", path=path
    )


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        with _named(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the path to the error of a call that knows a descriptor only."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _synced_partial(path: Path, content: bytes) -> Path:
    partial = partial_name(path)
    try:
        with _named(partial), partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        require_same(partial, content)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial
