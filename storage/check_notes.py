"""Notes of the last checks of a dataset: when it was verified, how thoroughly, and what was found. Advice, no proof."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.errors import DamagedDataset, UnreadableRecord
from storage.layout import DatasetFolder
from storage.records import read_record, write_record
from storage.verification import Verification

logger = logging.getLogger(__name__)

KINDS = ("full", "sample", "quick")
"""All objects were hashed, some, or none: the most thorough first."""
MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class CheckNote:
    """One check: its kind, the share of the objects that were hashed, and what was damaged, the first few told."""

    kind: str
    share: float
    at: str
    versions: tuple[int, ...]
    files: int
    hashed_bytes: int
    damages: int
    told: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return not self.damages


def kind_of_check(share: float) -> str:
    """Return which of `KINDS` a check is that hashes this share of the objects, in [0, 1]."""
    return "quick" if share <= 0 else "full" if share >= 1 else "sample"


def note_check(folder: DatasetFolder, found: Verification, *, share: float) -> None:
    """Note what a check found, in place of the last note of its kind; where nothing can be written, there is none."""
    note = CheckNote(
        kind=kind_of_check(share),
        share=share,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=found.versions,
        files=found.files,
        hashed_bytes=found.hashed_bytes,
        damages=len(found.damages),
        told=tuple(str(damage) for damage in found.damages[:MOST_TOLD]),
    )
    try:
        folder.logs.mkdir(exist_ok=True)
        write_record(folder.check_note(note.kind), "check", note)
    except OSError as error:
        # To check a disk that is mounted for reading only is a good idea, too.
        logger.info("the check of %s is not noted: %s", folder.path, error)


def check_notes(folder: DatasetFolder) -> tuple[CheckNote, ...]:
    """Return the last note of each kind, the newest first; one that cannot be read is passed over with a warning."""
    found = []
    for kind in KINDS:
        try:
            found.append(read_record(folder.check_note(kind), "check", CheckNote))
        except FileNotFoundError:
            continue
        except (DamagedDataset, UnreadableRecord, OSError) as error:
            logger.warning("a note of a check is passed over: %s", error)
    return tuple(sorted(found, key=lambda note: note.at, reverse=True))
