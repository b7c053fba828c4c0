"""The trainings that are at work below a root, on whatever device and machine: their run directories are held."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.datasets import require_own_parts
from storage.errors import DamagedDataset
from storage.json_text import NotDecoded, decoded
from storage.layout import DatasetFolder
from storage.lineage import Lineage
from storage.locking import Holder
from storage.models import find_models, model_name
from storage.plain_files import open_file, read_file
from storage.run_directory import RunDirectory
from tasks.ops.file_locks import lock_state
from tasks.ops.run_curve import CurveLine, curve_in

logger = logging.getLogger(__name__)

_TAIL_BYTES = 1 << 16
"""More than the last lines of a curve take."""


@dataclass(frozen=True, slots=True)
class RunningTraining:
    """A run whose directory is held. What it has not told yet is None: it may wait for a device.

    `device` is as its maker calls it.
    """

    model: str
    run: Path
    recipe: str | None
    step: int | None
    steps: int | None
    images_per_second: float | None
    device: str | None
    holder: Holder | None


def running_trainings(root: Path) -> list[RunningTraining]:
    """Return the runs of all models below a root that a process has at work, by model and directory."""
    return [training for folder in find_models(root) for training in _running_in(folder)]


def _running_in(folder: DatasetFolder) -> Iterator[RunningTraining]:
    try:
        require_own_parts(folder)
        runs = sorted(entry.path for entry in _folders_in(folder.runs))
    except (DamagedDataset, PermissionError) as error:
        logger.warning("the runs of %s are passed over: %s", folder.name, error)
        return
    for run in (RunDirectory(Path(path)) for path in runs):
        if (state := lock_state(run.lock)) is not None and state.is_held:
            yield _described(model_name(folder), run, state.note.holder if state.note else None)


def _folders_in(place: Path) -> list[os.DirEntry[str]]:
    if not place.is_dir():
        return []
    with os.scandir(place) as entries:
        return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]


def _described(model: str, run: RunDirectory, holder: Holder | None) -> RunningTraining:
    lineage, lines = _lineage(run), _last_lines(run)
    last = lines[-1] if lines else None
    return RunningTraining(
        model=model,
        run=run.path,
        recipe=lineage.recipe if lineage else None,
        step=last.step if last else None,
        steps=last.steps if last else None,
        images_per_second=next((line.rows_per_second for line in reversed(lines) if line.kind == "train"), None),
        device=lineage.device if lineage else None,
        holder=holder,
    )


def _lineage(run: RunDirectory) -> Lineage | None:
    try:
        return decoded(read_file(run.lineage), Lineage)
    except (FileNotFoundError, PermissionError, DamagedDataset, NotDecoded) as error:
        logger.debug("not told what is trained in %s: %s", run.path, error)
        return None


def _last_lines(run: RunDirectory) -> list[CurveLine]:
    """Return the last lines of a curve; the first of them may be cut off, and the last half-written: they are none."""
    try:
        with open_file(run.metrics) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            return curve_in(file.read(_TAIL_BYTES))
    except (FileNotFoundError, PermissionError, DamagedDataset) as error:
        logger.debug("not told how far the run in %s is: %s", run.path, error)
        return []
