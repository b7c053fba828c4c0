"""Tells one state of our code from another: what is built depends on it as on any library."""

from __future__ import annotations

from pathlib import Path

from storage.digests import digest_of
from storage.records import fingerprint

PACKAGES = ("storage", "tasks/ops")
"""What builders import; all of them may change what a shard holds, or how it is stored."""


def code_digest() -> str:
    """Return one hash of the names and the bytes of the modules that builders import; it takes some milliseconds."""
    root = Path(__file__).parents[2]
    modules = sorted(path for package in PACKAGES for path in (root / package).glob("*.py"))
    return fingerprint([(str(path.relative_to(root)), digest_of(path.read_bytes())) for path in modules])
