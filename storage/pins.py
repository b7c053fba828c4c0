"""What readers are using, so that it is neither evicted nor collected. A pin is a file named after its process.

It holds while the process lives; the kernel's lock on it says so across hosts. Where locks do nothing, a reader of
another host counts as alive while it touches its pin at least once a day.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from storage.errors import DamagedDataset
from storage.json_text import NotDecoded, decoded
from storage.layout import DatasetFolder
from storage.owners import is_gone, is_here, is_silent, owner_name
from storage.plain_files import read_file, require_folder

logger = logging.getLogger(__name__)

PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Pinned:
    """All that living readers hold: names of objects and numbers of versions."""

    objects: frozenset[str]
    versions: frozenset[int]


class _Content(msgspec.Struct, frozen=True):
    version: int | None
    objects: tuple[str, ...]


class Pin:
    """Objects that one reader holds; a context manager. The kernel lets go of it when the process dies."""

    def __init__(self, path: Path | None, descriptor: int | None) -> None:
        self._path, self._descriptor, self._pid = path, descriptor, os.getpid()

    def __enter__(self) -> Pin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_held(self) -> bool:
        """Tell whether others can see this pin as this process's: after a fork it is the parent's."""
        return self._descriptor is not None and self._pid == os.getpid()

    def refresh(self) -> None:
        """Show those who evict on other hosts that this reader lives."""
        if self._descriptor is None:
            return
        try:
            os.utime(self._descriptor)
        except OSError as error:
            logger.debug("a pin could not be refreshed: %s", error)

    def close(self) -> None:
        """Let go; may be called twice."""
        if self._path is not None and self.is_held:
            self._path.unlink(missing_ok=True)
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def pin(folder: DatasetFolder, version: int | None, objects: Iterable[str]) -> Pin:
    """Hold the objects of that name, and the version of that number, for as long as the pin is open.

    Where nothing can be written, or no dataset is, reading goes on without a pin. Whoever evicts looks at the pins
    again after it took an object away: pin first, and open then.
    """
    if not folder.path.is_dir():
        return Pin(None, None)
    path = folder.pins / owner_name()
    try:
        folder.pins.mkdir(exist_ok=True)
        require_folder(folder.pins)
        return Pin(path, _written(path, _Content(version, tuple(objects))))
    except (OSError, DamagedDataset) as error:
        logger.debug("reading %s without a pin: %s", folder.path, error)
        return Pin(None, None)


def pinned(folder: DatasetFolder) -> Pinned:
    """Return what living readers hold below `folder`; the pins of dead ones are removed."""
    objects: set[str] = set()
    versions: set[int] = set()
    for path in _living(folder):
        try:
            content = decoded(read_file(path), _Content)
        except FileNotFoundError:
            continue
        except (NotDecoded, DamagedDataset) as error:
            logger.warning("%s is not a readable pin, what it held is not protected: %s", path, error)
            continue
        objects.update(content.objects)
        versions.update(() if content.version is None else (content.version,))
    return Pinned(frozenset(objects), frozenset(versions))


def _living(folder: DatasetFolder) -> Iterator[Path]:
    if folder.pins.is_symlink() or not folder.pins.is_dir():
        return
    for path in list(folder.pins.iterdir()):
        if is_gone(path.name.removesuffix(PARTIAL)):
            path.unlink(missing_ok=True)
        elif path.suffix != PARTIAL and (is_here(path.name) or _is_locked(path) or not is_silent(path)):
            yield path


def _is_locked(path: Path) -> bool:
    """Tell whether some process holds a lock; False proves nothing, locks may do nothing here."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        logger.debug("locks cannot be asked for on %s: %s", path, error)
    finally:
        os.close(descriptor)
    return False


def _written(path: Path, content: _Content) -> int:
    """Write and lock a pin before it has its name, and return its open descriptor."""
    partial = path.with_name(path.name + PARTIAL)
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(msgspec.json.encode(content))
        _lock(descriptor)
        partial.rename(path)
    except BaseException:
        os.close(descriptor)
        partial.unlink(missing_ok=True)
        raise
    return descriptor


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        # Some network file systems have none. The pin then counts by its process, or by its age.
        logger.debug("a pin without a lock: %s", error)
