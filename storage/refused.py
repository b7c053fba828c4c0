"""Why an input image was not stored. A bad image is a value to count and report, never an exception."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of refused inputs, as written in receipts and reports; docs/refusals.md explains each."""

    MISSING = "missing"
    CHANGED = "changed"
    NOT_A_REGULAR_FILE = "not-a-regular-file"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    UNKNOWN_FORMAT = "unknown-format"
    TOO_MANY_BYTES = "too-many-bytes"
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MANY_SCANS = "too-many-scans"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    ANIMATED = "animated"
    TOO_MUCH_MEMORY = "too-much-memory"
    CRASHED = "crashed"


PASSING = frozenset({Reason.MISSING, Reason.CHANGED, Reason.UNREADABLE, Reason.TOO_MUCH_MEMORY})
"""Reasons that lie outside the file's bytes: the next run tries again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The verdict on one input: a reason code and a sentence with the values that led to it."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused input: its position in the shard, its name as listed (escaped), reason code and detail."""

    position: int
    name: str
    reason: Reason
    detail: str
