"""Keeps one bad image from taking a worker's time, its memory or, unseen, its life."""

from __future__ import annotations

import mmap
import os
import resource
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.ops.shard_building import DecodingGuard

DECODE_SECONDS = 60
"""No image within the limits takes a hundredth of this; the kernel ends the worker after it."""

MEMORY_BYTES = 3 * 1024**3
"""Private memory that a worker may take; an image at the limit of 50 megapixels needs about 1 GB."""

_IDLE = -1
_POSITION = struct.Struct("<q")


class JournalGuard(DecodingGuard):
    """Notes the input being decoded in a small file, which outlives the process."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(_POSITION.pack(_IDLE))
        with path.open("r+b") as file:
            self._note = mmap.mmap(file.fileno(), _POSITION.size)
        self._parent = os.getppid()

    @contextmanager
    def decoding(self, position: int) -> Iterator[None]:
        if os.getppid() != self._parent:
            # The run was killed: the next one starts over at this shard, and must not meet this worker there.
            os._exit(0)
        _POSITION.pack_into(self._note, 0, position)
        # The default action of SIGALRM ends the process, also in the middle of a C function.
        signal.alarm(DECODE_SECONDS)
        try:
            yield
        finally:
            signal.alarm(0)
            _POSITION.pack_into(self._note, 0, _IDLE)


def blamed_position(path: Path) -> int | None:
    """Return the input that was being decoded when the writer of the journal at `path` died, if any was."""
    if not path.exists():
        return None
    (position,) = _POSITION.unpack(path.read_bytes())
    return None if position == _IDLE else position


def limit_worker() -> None:
    """Give this worker process its memory limit, and leave Ctrl-C to the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))
