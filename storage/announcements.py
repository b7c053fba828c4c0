"""Notes which published versions were announced to whoever waits for new data, so that each is announced once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from storage.layout import DatasetFolder
from storage.records import create_record

KIND = "announcement"


@dataclass(frozen=True, slots=True)
class Announcement:
    """The content of `announced/NNNNNNNN.json`: the identifier of the event, and when it was sent (UTC)."""

    event: str
    sent: str


def is_announced(folder: DatasetFolder, number: int) -> bool:
    """Tell whether a version was announced."""
    return folder.announcement(number).exists()


def note_announced(folder: DatasetFolder, number: int, event: str) -> None:
    """Note that a version was announced by an event; a note that is there stays."""
    path = folder.announcement(number)
    path.parent.mkdir(exist_ok=True)
    create_record(path, KIND, Announcement(event, datetime.now(UTC).isoformat(timespec="seconds")))
