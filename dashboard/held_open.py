"""What takes long to open, and is held while it is open, stays open for some minutes after it was used last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Generic, TypeVar

HELD_SECONDS = 300.0

Key = TypeVar("Key")
Value = TypeVar("Value")


class HeldOpen(Generic[Key, Value]):
    """Keeps what was used last open, for one thread at a time; after a while it lets go, so that it can be collected.

    A page on a wall, which nobody touches, holds nothing.
    """

    def __init__(self, open_: Callable[[Key], AbstractContextManager[Value]], *, seconds: float = HELD_SECONDS) -> None:
        self._open, self._seconds = open_, seconds
        self._lock = threading.Lock()
        self._resources = ExitStack()
        self._last: tuple[Key, Value] | None = None
        self._letting_go: threading.Timer | None = None

    @contextmanager
    def of(self, key: Key) -> Iterator[Value]:
        """Yield what `key` names, opened if it is not; what opening raises is raised."""
        with self._lock:
            if self._letting_go is not None:
                self._letting_go.cancel()
            try:
                if self._last is None or self._last[0] != key:
                    self._let_go()
                    self._last = key, self._resources.enter_context(self._open(key))
                yield self._last[1]
            finally:
                self._letting_go = threading.Timer(self._seconds, self.close)
                self._letting_go.daemon = True
                self._letting_go.start()

    def close(self) -> None:
        """Let go of what is open."""
        with self._lock:
            if self._letting_go is not None:
                self._letting_go.cancel()
            self._let_go()

    def _let_go(self) -> None:
        self._resources.close()
        self._last = None
