"""Versions as they are after weeks, and what belongs to each, read from the JSON on disk alone."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.layout import DatasetFolder
from tests.storage.damaged_files import paths_of
from tests.storage.random_versions import Published

DAY = 86_400


def aged(published: Published, *, days: float = 30) -> Published:
    for part in ("versions", "spares", "plans", "receipts", "objects", "refused"):
        for path in (published.folder.path / part).iterdir():
            age(path, days=days)
    return published


def age(path: Path, *, days: float) -> None:
    then = datetime.now(UTC).timestamp() - days * DAY
    os.utime(path, (then, then), follow_symlinks=False)


def body(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())["body"]


def objects_of(folder: DatasetFolder, number: int) -> set[Path]:
    version = body(folder.version(number))
    shards = [stored for shard in version["shards"] for stored in shard["objects"]]
    parts = [*shards, version["table"], *version["views"], version["report"], version["card"]]
    return {folder.objects / part["name"] for part in parts}


def receipts_of(folder: DatasetFolder, number: int) -> set[Path]:
    return {folder.path / "receipts" / f"{shard['key']}.json" for shard in body(folder.version(number))["shards"]}


def all_of(folder: DatasetFolder, number: int) -> set[Path]:
    """Return whatever belongs to a version."""
    record, spare = folder.version(number), paths_of(folder.path, "spare")[number - 1]
    plan = folder.path / "plans" / body(record)["plan"]
    return {record, spare, plan} | objects_of(folder, number) | receipts_of(folder, number)
