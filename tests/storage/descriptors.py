"""Which files this process has open."""

from __future__ import annotations

from pathlib import Path


def open_below(folder: Path, *, suffix: str = "") -> int:
    """Return how many descriptors are open of files below `folder` whose names end in `suffix`."""
    # The descriptor of this very listing is gone when its turn comes.
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    paths = [str(link.readlink()) for link in links]
    return sum(path.startswith(str(folder)) and path.endswith(suffix) for path in paths)
