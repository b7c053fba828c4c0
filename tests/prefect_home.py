"""Homes of Prefect with an empty database: copies of one, since Prefect takes 8 CPU seconds to make each."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

BUILD = Path(__file__).parents[1] / "build"


def prefect_home(home: Path) -> Path:
    """Make a home with an empty database, if there is no database yet; return it."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "prefect.db").exists():
        shutil.copyfile(_empty_database(), home / "prefect.db")
    return home


def _empty_database() -> Path:
    """Return a database that Prefect has just made; the first process of those that test at once makes it."""
    BUILD.mkdir(exist_ok=True)
    found = BUILD / f"prefect-{version('prefect')}.db"
    with (BUILD / "prefect-database.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            home = BUILD / "prefect-home"
            shutil.rmtree(home, ignore_errors=True)
            command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
            environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
            subprocess.run(command, env=environment | {"PREFECT_HOME": str(home)}, check=True, capture_output=True)
            (home / "prefect.db").rename(found)
    return found
