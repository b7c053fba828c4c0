"""Fetches what a Debian package holds, without root: the package is downloaded and unpacked, never installed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

FETCH_SECONDS = 120


class NotFetched(Exception):
    """A package could not be fetched; the message says why."""


def unpack_packages(packages: Sequence[str], folder: Path) -> Path:
    """Download packages from the archive that this machine knows, and unpack them into one tree below `folder`.

    Return the tree, in which everything lies as it would below `/`.

    Raises:
        NotFetched: there is no apt here, no network, or no such package.
    """
    try:
        _run(["apt-get", "download", *packages], folder)
        for archive in folder.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(archive), "unpacked"], folder)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotFetched(_told(error)) from error
    return folder / "unpacked"


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=FETCH_SECONDS)


def _told(error: Exception) -> str:
    """Return what the failed command wrote last, which says more than its exit status."""
    written = (error.stderr or "").strip() if isinstance(error, subprocess.CalledProcessError) else ""
    return written.splitlines()[-1] if written else str(error)
