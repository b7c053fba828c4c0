"""Folders for half-built shards: one per run, named after its process, so that a dead run's can be cleared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.durable import remove
from storage.layout import DatasetFolder
from storage.owners import is_gone, owner_name


@contextmanager
def scratch_folder(folder: DatasetFolder) -> Iterator[Path]:
    """Make a folder for this run below `tmp/`, and remove it at the end however the run ends."""
    clear_dead_runs(folder)
    scratch = folder.tmp / owner_name()
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def clear_dead_runs(folder: DatasetFolder) -> None:
    """Remove what runs left below `tmp/` that are gone for certain."""
    for scratch in folder.tmp.iterdir():
        if is_gone(scratch.name):
            remove(scratch)
