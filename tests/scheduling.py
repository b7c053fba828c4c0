"""Which tests one process runs: those that share what is dear to make; the others by file, as processes become free."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
PREFECT = "one Prefect server"
SHARING = ("tests/faults", "tests/browser", "tests/training", "tests/dashboard")
"""Below these, tests share warm processes, a browser, or published sets."""
LONG_FIRST = (PREFECT, *SHARING, "tests/flows")
"""What takes long is begun first: at the end, no process waits for another."""


class SharingScheduling(LoadScopeScheduling):
    """Gives whole groups to processes, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])


@cache
def group_of(file: str) -> str:
    """Return what the tests of a file, a path below the repository, share with others; the file if they do not."""
    group = next((folder for folder in SHARING if file.startswith(f"{folder}/")), file)
    return PREFECT if group != SHARING[0] and "prefect_api" in (ROOT / file).read_text() else group


def by_length(item: pytest.Item) -> int:
    """Return where in the order a test belongs."""
    group = group_of(item.location[0])
    return next((place for place, first in enumerate(LONG_FIRST) if group.startswith(first)), len(LONG_FIRST))
