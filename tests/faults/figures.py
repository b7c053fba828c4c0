"""What the fault tests injected and what held, kept as JSON lines: docs/reliability.md is written from them alone."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "faults"
"""Each test process writes files of its own here; `python -m tests.faults.reliability_page` reads them all."""

_FILE = FOLDER / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"


def record(row: int, *, fault: str, injected: int, held: int, **details: int | float | str) -> None:
    """Note that of `injected` faults of one kind `held` ended as promised; `row` is that of the table of promises.

    Call it before the test's last assertion, so that a broken promise is in the figures too.
    """
    if os.environ.get("IMAGEMILL_FAULT_FIGURES") == "off":
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    line = {"row": row, "fault": fault, "injected": injected, "held": held, "suite": _suite(), **details}
    with _FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _suite() -> str:
    """Return "slow" for a test that only `make test-all` runs, else "fast"."""
    return os.environ.get("IMAGEMILL_FAULT_SUITE", "fast")
