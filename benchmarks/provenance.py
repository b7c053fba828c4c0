"""Says of a measurement when, where and with which versions it was made: the line above each table."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tasks.ops.pixel_libraries import pixel_libraries

ROOT = Path(__file__).resolve().parent.parent


def provenance(command: str, libraries: Sequence[str] = ()) -> str:
    """Return that line for the measurement that `command` is about to make."""
    versions = [*pixel_libraries(), *((name, version(name)) for name in libraries)]
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by `{command}` on {cpu_model()}, "
        f"{len(os.sched_getaffinity(0))} cores, load average {os.getloadavg()[0]:.1f} before it began; "
        f"Python {platform.python_version()}, {', '.join(f'{name} {number}' for name, number in versions)}."
    )


def cpu_model() -> str:
    """Return the processor's name as the kernel gives it, else its architecture."""
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()
