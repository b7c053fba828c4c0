"""Where what was fetched or unpacked once is kept for the next time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def user_cache(environment: Mapping[str, str]) -> Path:
    """Return imagemill's folder in the user's cache, after the XDG base directory specification."""
    base = environment.get("XDG_CACHE_HOME", "")
    # The specification says that a relative path is to be ignored.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "imagemill"
