"""Scratch folders: cleared when their run is dead for certain, and not before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.layout import DatasetFolder
from storage.owners import owner_name
from storage.scratch import scratch_folder

RUN = """
import sys
from pathlib import Path
from storage.layout import DatasetFolder
from storage.scratch import scratch_folder
with scratch_folder(DatasetFolder(Path(sys.argv[1]))) as scratch:
    (scratch / "half").mkdir()
    (scratch / "half" / "file").write_text("half built")
    print(scratch, flush=True)
    sys.stdin.readline()
"""


def running(start_python, folder: DatasetFolder):
    process = start_python(RUN, folder.path)
    scratch = Path(process.stdout.readline().strip())
    assert scratch.is_dir()
    return process, scratch


def test_a_scratch_folder_lasts_as_long_as_its_run(folder: DatasetFolder):
    with scratch_folder(folder) as scratch:
        assert scratch.parent == folder.tmp
        (scratch / "file").write_text("half built")
    assert os.listdir(folder.tmp) == []
    with pytest.raises(RuntimeError, match="failed"), scratch_folder(folder):
        raise RuntimeError("failed")
    assert os.listdir(folder.tmp) == []


def test_the_scratch_folder_of_a_killed_run_is_cleared_by_the_next(folder: DatasetFolder, start_python):
    process, scratch = running(start_python, folder)
    process.kill()
    process.wait()
    assert (scratch / "half" / "file").is_file()
    with scratch_folder(folder) as mine:
        assert list(folder.tmp.iterdir()) == [mine]


def test_the_scratch_folder_of_a_living_run_is_left_alone(folder: DatasetFolder, start_python):
    _, scratch = running(start_python, folder)
    with scratch_folder(folder) as mine:
        assert set(folder.tmp.iterdir()) == {mine, scratch}
        assert (scratch / "half" / "file").read_text() == "half built"


def test_what_another_host_left_is_left_and_what_an_earlier_boot_left_is_cleared(folder: DatasetFolder):
    host, boot, *rest = owner_name().split("+")
    elsewhere = folder.tmp / "+".join(("another-host", boot, *rest))
    before = folder.tmp / "+".join((host, "00000000-0000-0000-0000-000000000000", *rest))
    for path in (elsewhere, before):
        path.mkdir()
        (path / "file").write_text("half built")
    with scratch_folder(folder) as mine:
        assert set(folder.tmp.iterdir()) == {mine, elsewhere}


def test_what_is_not_named_after_a_run_is_left_alone(folder: DatasetFolder):
    (folder.tmp / "somebody's").mkdir()
    with scratch_folder(folder) as mine:
        assert set(folder.tmp.iterdir()) == {mine, folder.tmp / "somebody's"}
