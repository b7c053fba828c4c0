"""Folders for half-built shards: one per run, named after its process, so that a dead run's can be cleared."""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.layout import DatasetFolder
from storage.locking import boot_id


@contextmanager
def scratch_folder(folder: DatasetFolder) -> Iterator[Path]:
    """Make a folder for this run below `tmp/`, and remove it at the end however the run ends."""
    _clear_dead_runs(folder)
    owner = f"{socket.gethostname()}+{boot_id()}+{os.getpid()}+{uuid.uuid4().hex[:8]}"
    scratch = folder.tmp / owner
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _clear_dead_runs(folder: DatasetFolder) -> None:
    for scratch in folder.tmp.iterdir():
        if _is_dead(scratch.name):
            shutil.rmtree(scratch, ignore_errors=True)


def _is_dead(owner: str) -> bool:
    """Tell whether the run that made a scratch folder is gone for certain; another host's is left alone."""
    host, boot, pid, _ = (*owner.split("+"), "", "", "", "")[:4]
    if host != socket.gethostname():
        return False
    return boot != boot_id() or not Path("/proc", pid).exists()
