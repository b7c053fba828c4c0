"""Four commands that report to one server at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from storage.datasets import existing_dataset
from storage.versions import version_numbers
from tests.faults.hostile_servers import plain_environment
from tests.faults.tiny_source import add_pictures
from tests.flows.served import REPOSITORY

LOUD = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING", "PREFECT_INTERNAL_LOGGING_LEVEL": "WARNING"}
"""What a command keeps to itself where nobody told it otherwise."""


def prepare_four(place: Path, api: str) -> str:
    """Prepare four small datasets at once, check that each is published, and return what the commands said."""
    names = [f"photos{number}" for number in range(4)]
    runs = [_prepare(add_pictures(place / name, 12), place / "root", api) for name in names]
    told = [run.communicate(timeout=600)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, told
    assert [version_numbers(existing_dataset(place / "root", name)) for name in names] == [[1]] * 4
    return "".join(told)


def _prepare(source: Path, root: Path, api: str) -> subprocess.Popen[str]:
    """Start `imagemill prepare` of a source as a user does."""
    words = ["prepare", str(source), "--dataset", source.name, "--slow", str(root), "--fast", str(root)]
    command = [sys.executable, "-m", "flows.command_line", *words, "--size", "32", "--workers", "1"]
    told = plain_environment(root.parent / "home") | {"PYTHONPATH": str(REPOSITORY), "PREFECT_API_URL": api} | LOUD
    return subprocess.Popen(command, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
