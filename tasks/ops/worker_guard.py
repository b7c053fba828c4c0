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

from tasks.ops.parent_death import end_with_parent
from tasks.ops.shard_building import DecodingGuard

DECODE_SECONDS = 60
"""No image within the limits takes a hundredth of this; the kernel ends the worker after it."""

MEMORY_BYTES = 3 * 1024**3
"""Private memory that a worker may take; an image at the limit of 50 megapixels needs about 1 GB."""

_IDLE = -1
_NOTE = struct.Struct("<qq")
"""The position of the input being decoded, and the process that decodes it."""


class JournalGuard(DecodingGuard):
    """Notes the input being decoded in a small file, which outlives the process."""

    def __init__(self, path: Path, *, seconds: int = DECODE_SECONDS) -> None:
        path.write_bytes(_NOTE.pack(_IDLE, os.getpid()))
        with path.open("r+b") as file:
            self._note = mmap.mmap(file.fileno(), _NOTE.size)
        self._seconds = seconds

    @contextmanager
    def decoding(self, position: int) -> Iterator[None]:
        _NOTE.pack_into(self._note, 0, position, os.getpid())
        # The default action of SIGALRM ends the process, also in the middle of a C function.
        signal.alarm(self._seconds)
        try:
            yield
        finally:
            signal.alarm(0)
            _NOTE.pack_into(self._note, 0, _IDLE, os.getpid())


def blamed_position(path: Path) -> int | None:
    """Return the input that was being decoded when the writer of the journal at `path` died, if any was."""
    content = path.read_bytes() if path.exists() else b""
    # It is shorter where the writer died in the middle of making it.
    if len(content) != _NOTE.size:
        return None
    position, _ = _NOTE.unpack(content)
    return None if position == _IDLE else position


def limit_worker(parent: int) -> None:
    """Give this worker process its memory limit, and tie its life to the process `parent` that started it.

    Ctrl-C is that process's to handle. When it is killed, the kernel ends its workers too: the next run starts
    over at their shards, and must not meet them there.
    """
    end_with_parent(parent, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))
