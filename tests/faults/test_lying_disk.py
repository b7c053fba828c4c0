"""Row 4: a disk that stores other bytes than it was given, and says nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bare_prepare import BareJob, run_bare
from tests.faults.c_shims import preloaded
from tests.faults.figures import record
from tests.faults.tiny_source import add_pictures
from tests.oracles.published_dataset import assert_whole, version_bodies

KINDS = [
    pytest.param("hdf5", (".h5", "receipts/"), id="some"),
    pytest.param(
        "hdf5",
        (".h5", "rows.parquet", "shuffled.parquet", "receipts/", "versions/", "plan.json", "spare.zip"),
        id="hdf5",
        marks=pytest.mark.slow,
    ),
    pytest.param("bcolz", (".blp", "rows.parquet", "receipts/", "versions/"), id="bcolz", marks=pytest.mark.slow),
]
"""An array format, and parts of the paths of files that are written for it."""


@pytest.mark.parametrize(("array_format", "kinds"), KINDS)
def test_bytes_that_do_not_read_back_are_never_published(array_format: str, kinds: tuple[str, ...], tmp_path: Path):
    source = tmp_path / "source"
    add_pictures(source, 24)
    held = noticed = 0
    for kind in kinds:
        job = BareJob(str(source), str(tmp_path / kind.strip("/")), array_format=array_format, workers=1)
        code, told = ended(run_bare(job, preloaded("lying_disk", LYING_DISK_NAME=kind, LYING_DISK_AT="1")))
        noticed += code == 1 and told["error"] == "DamagedDataset"
        # What was hurt may have been a byte that nobody reads; then all is as it should be.
        for body in version_bodies(Path(job.root) / job.dataset).values():
            assert_whole(Path(job.root) / job.dataset, body, source)
        again, told = ended(run_bare(job))
        held += code in (0, 1) and again == 0 and len(version_bodies(Path(job.root) / job.dataset)) == 1
    record(4, fault="bytes stored otherwise than they were given", injected=len(kinds), held=held, noticed=noticed)
    assert (held, noticed) == (len(kinds), len(kinds))


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Return the exit code of a run, and what it told."""
    told, errors = process.communicate(timeout=120)
    assert told, errors
    return process.returncode, json.loads(told)
