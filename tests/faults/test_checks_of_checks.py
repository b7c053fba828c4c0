"""Row 12: each safeguard is switched off once, and the tests that are there for it have to notice."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.faults.bare_prepare import REPOSITORY
from tests.faults.figures import record
from tests.faults.sabotage import SABOTAGES, VARIABLE

NOTICED_BY = {
    "sync": "tests/faults/test_power_loss.py",
    "rename into place": "tests/faults/test_kill_at_every_syscall.py",
    "reading back": "tests/faults/test_lying_disk.py",
    "locks": "tests/faults/test_races.py",
    "hashes": "tests/faults/test_damaged_files.py",
    "checksums of chunks": "tests/faults/test_damaged_files.py",
    "create if absent": "tests/faults/test_stopped_holder.py",
    "pins": "tests/storage/test_staging.py",
}
"""The tests that should go red; their samples of `make test` are enough for most."""

IN_FULL = ("rename into place", "locks")
"""Not for a kill at each call; and ten races may all end well by chance, on a machine with other work."""


@pytest.mark.slow
@pytest.mark.parametrize("safeguard", SABOTAGES)
def test_a_safeguard_that_is_switched_off_is_noticed(safeguard: str):
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.faults.sabotage"]
    # Figures of a sabotaged product are nobody's.
    environment = os.environ | {VARIABLE: safeguard, "IMAGEMILL_FAULT_FIGURES": "off"}
    wanted = [] if safeguard in IN_FULL else ["-m", "not slow"]
    ended = subprocess.run(
        [*command, *wanted, NOTICED_BY[safeguard]],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.findall(r"^FAILED (\S+)", ended.stdout, re.MULTILINE)
    record(12, fault=f"switched off: {safeguard}", injected=1, held=int(ended.returncode == 1 and bool(failed)))
    assert ended.returncode == 1, ended.stdout[-3000:]
    assert failed, "it should be a test that fails, not an import or a fixture"
