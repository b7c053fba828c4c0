"""Why runs failed, from the notes that they left beside the data: they need no Prefect to be found."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dashboard.wording import moment, one_line
from storage.datasets import find_datasets, require_own_parts
from storage.errors import DamagedDataset, DatasetError
from storage.json_text import NotDecoded, decoded
from storage.layout import DatasetFolder
from storage.plain_files import read_file
from storage.publishing import current_published
from storage.tiers import Tiers

logger = logging.getLogger(__name__)

SHOWN = 12
OF_EACH = 3
"""So many failures of one dataset are told: the ones before are of less interest than those of others."""


@dataclass(frozen=True, slots=True)
class _Note:
    at: str
    command: str
    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed: of which dataset, when, why in one line, and whether a version came after it.

    `log` is the path of what it told, "" where that is gone.
    """

    dataset: str
    command: str
    at: datetime | None
    reason: str
    log: str
    is_overcome: bool


def failures(tiers: Tiers) -> tuple[Failure, ...]:
    """Return the last failures, those that nothing overcame first, then the newest first."""
    found: list[Failure] = []
    for folder in find_datasets(tiers.slow):
        try:
            require_own_parts(folder)
            found += _failures_of(folder)
        except (DatasetError, OSError) as error:
            logger.warning("why runs of %s failed cannot be told: %s", folder.name, error)
    newest = sorted(found, key=lambda failure: failure.at.timestamp() if failure.at else 0.0, reverse=True)
    return tuple(sorted(newest, key=lambda failure: failure.is_overcome)[:SHOWN])


def _failures_of(folder: DatasetFolder) -> Iterator[Failure]:
    paths = sorted(folder.logs.glob("*.failure.json"), reverse=True)[:OF_EACH] if folder.logs.is_dir() else []
    if not paths:
        return
    published = current_published(folder)
    since = moment(published.created) if published else None
    for path in paths:
        try:
            note = decoded(read_file(path), _Note)
        except (FileNotFoundError, NotDecoded, DamagedDataset) as error:
            logger.warning("%s is passed over: %s", path, error)
            continue
        at = moment(note.at)
        is_overcome = since is not None and at is not None and since > at
        reason = one_line(note.message)
        log = path.with_name(path.name.removesuffix(".failure.json") + ".log")
        told = str(log) if log.is_file() else ""
        yield Failure(folder.name, one_line(note.command), at, reason, told, is_overcome)
