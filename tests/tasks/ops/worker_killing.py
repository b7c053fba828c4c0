"""Kills the process that decodes an image, found by the journal that it keeps, which is read without our code."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tasks.ops.shard_building import ShardJob

Note = tuple[int, int]
"""The position of the input that is being decoded, and the process that decodes it."""


def notes_of(job: ShardJob) -> list[Note]:
    """Return what the journals of a shard tell that are whole; on a cluster they lie in folders of their lots."""
    notes: list[Note] = []
    for path in job.scratch.rglob(f"{job.key}.decoding"):
        with suppress(FileNotFoundError):
            content = path.read_bytes()
            if len(content) == 16:
                notes.append(struct.unpack("<qq", content))
    return notes


def noted(job: ShardJob) -> Note | None:
    """Return what the journal of a shard tells that is built here; None before it is whole."""
    return next(iter(notes_of(job)), None)


@contextmanager
def killing(job: ShardJob, position: int, *, times: int) -> Iterator[list[int]]:
    """Kill `times` workers of a shard, each while its journal tells `position`; give their process ids."""
    killed: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while len(killed) < times and not stop.is_set():
            for note in notes_of(job):
                if note[0] == position and note[1] not in killed:
                    _kill_if_still(job, note, killed)
            time.sleep(0.002)

    killer = threading.Thread(target=watch)
    killer.start()
    try:
        yield killed
    finally:
        stop.set()
        killer.join()


def _kill_if_still(job: ShardJob, note: Note, killed: list[int]) -> None:
    with suppress(ProcessLookupError):
        # Held still while we look again: otherwise it might be elsewhere by the time the signal comes.
        os.kill(note[1], signal.SIGSTOP)
        time.sleep(0.005)
        if note in notes_of(job):
            os.kill(note[1], signal.SIGKILL)
            killed.append(note[1])
        else:
            os.kill(note[1], signal.SIGCONT)
