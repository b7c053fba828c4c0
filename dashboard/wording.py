"""How pages word values: numbers, sizes, times, and text that others wrote."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from storage.names import without_controls

MOST_REASON = 300
"""Characters of a reason; what follows is in the log."""

_WRAPPING = re.compile(r"^(Flow run|Task run) encountered an exception(?:: |\.? )?")


def amount(value: float | None) -> str:
    """Return a number with its thousands parted, an en dash for none."""
    return "–" if value is None else f"{value:,.0f}"


def figure(value: float | None) -> str:
    """Return a measured number in four digits."""
    return "no number" if value is None else f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}"


def share(value: float | None) -> str:
    """Return a share in [0, 1] as per cent."""
    return "–" if value is None else f"{100 * value:.{0 if value in (0, 1) else 1}f} %"


def size(count: float | None) -> str:
    """Return bytes in powers of 1000, as disks are sold."""
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or abs(count) >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} PB"


def moment(value: datetime | str | None) -> datetime | None:
    """Return a time in UTC, also from a record's text; None where there is none."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return None if at is None else at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no time, or one before the first year
        return None


def ago(value: datetime | str | None, now: datetime) -> str:
    """Return how long ago a time is, or how long until then, as one word and a number; the page counts on."""
    at = moment(value)
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    return f"{lasting(seconds)} ago" if seconds >= 0 else f"in {lasting(-seconds)}"


def lasting(value: timedelta | float | None) -> str:
    """Return a duration in the largest unit that makes sense, as live.js does."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    for unit, length, below in (("s", 1, 90), ("min", 60, 5400), ("h", 3600, 48 * 3600)):
        if seconds < below:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def segment(text: str) -> str:
    """Return a name as one part of a path in a link."""
    return quote(text, safe="")


def one_line(message: str) -> str:
    """Return the reason in a message of several lines: its first line, without what Prefect puts before each."""
    first = next((line for line in message.strip().splitlines() if line.strip()), "").strip()
    told = _WRAPPING.sub("", first)
    return told if len(told) <= MOST_REASON else f"{told[: MOST_REASON - 1]}…"


def plain(text: str) -> str:
    """Return text of others with what would turn or break a line written out."""
    return without_controls(text.encode("utf-8", "backslashreplace").decode("utf-8"))
