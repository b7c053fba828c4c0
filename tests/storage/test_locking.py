"""The builder's lock, with real processes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from storage.errors import DatasetLocked
from storage.layout import DatasetFolder
from storage.locking import builder_of, dataset_lock

HOLDER = """
import sys
from pathlib import Path
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
with dataset_lock(DatasetFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.readline()
"""


def held_by_another(start_python, folder: DatasetFolder):
    process = start_python(HOLDER, folder.path)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_builder_is_told_which_process_on_which_host_holds_the_dataset(folder: DatasetFolder, start_python):
    holder = held_by_another(start_python, folder)
    told = rf"photos is being built by process {holder.pid} on {socket.gethostname()} since \d{{4}}-\d\d-\d\dT"
    with pytest.raises(DatasetLocked, match=told), dataset_lock(folder):
        pass


def test_the_lock_of_a_killed_process_is_free_at_once(folder: DatasetFolder, start_python):
    holder = held_by_another(start_python, folder)
    holder.kill()
    holder.wait()
    with dataset_lock(folder):
        pass


def test_the_lock_is_free_after_the_block_however_it_ends(folder: DatasetFolder, start_python):
    with pytest.raises(RuntimeError, match="build failed"), dataset_lock(folder):
        raise RuntimeError("build failed")
    with dataset_lock(folder):
        pass
    held_by_another(start_python, folder)


def test_the_same_process_cannot_hold_a_dataset_twice(folder: DatasetFolder):
    with dataset_lock(folder), pytest.raises(DatasetLocked, match=f"process {os.getpid()} "), dataset_lock(folder):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b'{"host": "\xff"}'])
def test_an_unreadable_lock_file_locks_all_the_same(folder: DatasetFolder, content: bytes):
    with dataset_lock(folder):
        folder.lock.write_bytes(content)
        with pytest.raises(DatasetLocked, match="another process that has just started"), dataset_lock(folder):
            pass


def test_two_datasets_do_not_lock_each_other(folder: DatasetFolder, start_python):
    other = DatasetFolder(folder.path.with_name("drawings"))
    other.path.mkdir()
    held_by_another(start_python, folder)
    with dataset_lock(other):
        pass


def test_who_builds_is_told_without_taking_the_lock_and_nobody_once_that_process_has_ended(
    folder: DatasetFolder, start_python
):
    assert builder_of(folder) is None
    holder = held_by_another(start_python, folder)
    before = folder.lock.stat().st_mtime_ns
    found = builder_of(folder)
    assert found is not None
    assert (found.pid, found.host) == (holder.pid, socket.gethostname())
    assert folder.lock.stat().st_mtime_ns == before
    holder.kill()
    holder.wait()
    assert builder_of(folder) is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b'{"host": 1}'])
def test_a_lock_that_tells_nothing_names_no_builder(folder: DatasetFolder, content: bytes):
    folder.lock.write_bytes(content)
    assert builder_of(folder) is None


def test_a_lock_that_is_a_link_is_not_followed(folder: DatasetFolder, tmp_path: Path):
    (tmp_path / "elsewhere").write_bytes(b"{}")
    folder.lock.symlink_to(tmp_path / "elsewhere")
    assert builder_of(folder) is None
