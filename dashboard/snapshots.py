"""Values that pages show, each with the time at which it was read: read again when it is old, once for all who ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Fresh(Generic[Value]):
    """A value and when it was read."""

    value: Value
    read_at: datetime


class Snapshot(Generic[Value]):
    """What `read` returned last. Whoever asks first after `seconds` reads it anew, and the others wait for that."""

    def __init__(self, read: Callable[[], Value], *, seconds: float) -> None:
        self._read, self._seconds = read, seconds
        self._lock = threading.Lock()
        self._last: Fresh[Value] | None = None
        self._until = 0.0

    def get(self) -> Fresh[Value]:
        """Return the value; what `read` raises is raised, and not kept."""
        with self._lock:
            if self._last is None or time.monotonic() >= self._until:
                started = datetime.now(UTC)
                self._last = Fresh(self._read(), started)
                self._until = time.monotonic() + self._seconds
            return self._last
