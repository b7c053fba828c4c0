"""Lines of JSON by which a training process tells how far it is with rows: what `tasks.ops.row_process` reads."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

_LINE_SECONDS = 1.0


class ProgressLines:
    """Writes them to a file, or to standard output; a context manager. Those on progress are throttled."""

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = sys.stdout if path is None else path.open("a", encoding="utf-8")
        self._clock, self._shown, self._computed = clock, float("-inf"), -1

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not sys.stdout:
            self._file.close()

    def show(self, rows: int, of: int, computed: int) -> None:
        """Write how far it is: once a second, and whenever another shard is done."""
        now = self._clock()
        if computed > self._computed or rows == of or now - self._shown >= _LINE_SECONDS:
            self._shown, self._computed = now, computed
            self._write({"rows": rows, "of": of, "computed": computed})

    def end(self, *, version: int, is_new: bool, computed: int) -> None:
        """Write which version holds the rows now, and how many of its shards were computed."""
        self._write({"version": version, "is_new": is_new, "computed": computed})

    def _write(self, facts: dict[str, Any]) -> None:
        self._file.write(msgspec.json.encode(facts).decode() + "\n")
        self._file.flush()
