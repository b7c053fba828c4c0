"""Sees from outside when any process opens anything in a folder, in whatever language it is written (inotify)."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from types import TracebackType

_LIBC = ctypes.CDLL(None, use_errno=True)
_ACCESS, _OPEN = 0x001, 0x020
_EVENT = struct.Struct("iIII")


class OpensWatch:
    """Collects what is opened or read in a folder and in those below it; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._folders: dict[int, Path] = {}
        for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            watch = _LIBC.inotify_add_watch(self._descriptor, os.fsencode(place), _ACCESS | _OPEN)
            if watch < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch", str(place))
            self._folders[watch] = place

    def __enter__(self) -> OpensWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def seen(self) -> set[Path]:
        """Return what was opened since the last call."""
        found: set[Path] = set()
        while events := self._read():
            position = 0
            while position < len(events):
                watch, _, _, length = _EVENT.unpack_from(events, position)
                name = events[position + _EVENT.size : position + _EVENT.size + length].rstrip(b"\0")
                found.add(self._folders[watch] / os.fsdecode(name))
                position += _EVENT.size + length
        return found

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, 65536)
        except BlockingIOError:
            return b""
