"""What readers hold: it counts while they live, whatever locks are worth, and not a moment longer."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import time
from pathlib import Path

import pytest

from storage.layout import DatasetFolder
from storage.owners import SILENT_SECONDS, owner_name
from storage.pins import Pin, pin, pinned
from tests.faults.c_shims import compiled_shim

READER = """
import os, sys
from pathlib import Path
from storage.layout import DatasetFolder
from storage.pins import pin
held = pin(DatasetFolder(Path(sys.argv[1])), 3, sys.argv[2:])
print(held.is_held, flush=True)
sys.stdin.readline()
"""
FORKED = """
import os, sys
from pathlib import Path
from storage.layout import DatasetFolder
from storage.pins import pin
folder = DatasetFolder(Path(sys.argv[1]))
held = pin(folder, 1, ["of-the-parent.h5"])
child = os.fork()
if child == 0:
    assert not held.is_held
    held.close()
    os._exit(0)
os.waitpid(child, 0)
print(len(os.listdir(folder.pins)), flush=True)
"""


def pin_files(folder: DatasetFolder) -> list[str]:
    return os.listdir(folder.pins)


def another_hosts_pin(folder: DatasetFolder, *names: str) -> Path:
    path = folder.pins / "+".join(("another-host", *owner_name().split("+")[1:]))
    path.write_text(json.dumps({"version": 7, "objects": names}))
    return path


def test_a_pin_holds_its_objects_and_its_version_until_it_is_closed(folder: DatasetFolder):
    assert pinned(folder).objects == pinned(folder).versions == frozenset()
    with pin(folder, 1, ["a.h5", "b.h5"]), pin(folder, 2, ["b.h5", "c.h5"]) as other:
        assert pinned(folder).objects == {"a.h5", "b.h5", "c.h5"}
        assert pinned(folder).versions == {1, 2}
        other.close()
        assert pinned(folder).objects == {"a.h5", "b.h5"}
    assert pinned(folder).objects == frozenset()
    assert pin_files(folder) == []


def test_objects_may_be_held_without_a_version(folder: DatasetFolder):
    with pin(folder, None, ["a.h5"]):
        assert (pinned(folder).objects, pinned(folder).versions) == ({"a.h5"}, frozenset())


@pytest.mark.parametrize("locks", ["working", "useless"])
def test_a_reader_holds_its_objects_until_it_is_killed(
    folder: DatasetFolder, start_python, monkeypatch: pytest.MonkeyPatch, locks: str
):
    if locks == "useless":
        monkeypatch.setenv("LD_PRELOAD", str(compiled_shim("useless_locks")))
    reader = start_python(READER, folder.path, "a.h5", "b.h5")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert reader.stdout.readline() == "True\n"
    with pin(folder, 4, ["c.h5"]):
        assert pinned(folder).objects == {"a.h5", "b.h5", "c.h5"}
        assert pinned(folder).versions == {3, 4}
        reader.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, reader.pid, os.WEXITED | os.WNOWAIT)
        assert pinned(folder).objects == {"c.h5"}
        assert len(pin_files(folder)) == 1


def test_a_stopped_reader_holds_on(folder: DatasetFolder, start_python):
    reader = start_python(READER, folder.path, "a.h5")
    reader.stdout.readline()
    reader.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, reader.pid, os.WSTOPPED | os.WNOWAIT)
    assert pinned(folder).objects == {"a.h5"}


def test_a_reader_whose_lock_is_worth_nothing_holds_on(folder: DatasetFolder):
    with pin(folder, 1, ["a.h5"]):
        (path,) = folder.pins.iterdir()
        # As on a file system without locks: the same content, and nobody has a lock on it.
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (0, 0))
        assert pinned(folder).objects == {"a.h5"}


def test_a_child_that_was_forked_off_neither_has_nor_ends_its_parents_pin(folder: DatasetFolder, start_python):
    reader = start_python(FORKED, folder.path)
    assert reader.stdout.readline() == "1\n"


# ---- Readers that cannot be seen from here


def test_another_hosts_reader_counts_while_it_touches_its_pin(folder: DatasetFolder):
    path = another_hosts_pin(folder, "far.h5")
    assert pinned(folder).objects == {"far.h5"}
    assert pinned(folder).versions == {7}
    os.utime(path, (time.time(), time.time() - SILENT_SECONDS - 60))
    assert pinned(folder).objects == frozenset()
    path.touch()
    assert pinned(folder).objects == {"far.h5"}


def test_another_hosts_reader_counts_while_it_has_its_lock_however_long(folder: DatasetFolder):
    path = another_hosts_pin(folder, "far.h5")
    os.utime(path, (0, 0))
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert pinned(folder).objects == {"far.h5"}
    assert pinned(folder).objects == frozenset()


def test_a_pin_is_touched_by_its_reader(folder: DatasetFolder):
    with pin(folder, 1, ["a.h5"]) as held:
        (path,) = folder.pins.iterdir()
        os.utime(path, (0, 0))
        held.refresh()
        assert time.time() - path.stat().st_mtime < 60


# ---- Where nothing can be held


def test_without_the_dataset_or_a_place_to_write_there_is_no_pin_and_no_error(
    folder: DatasetFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    missing = DatasetFolder(tmp_path / "nothing")
    folder.pins.rmdir()
    folder.pins.write_text("in the way")
    with caplog.at_level(logging.DEBUG), pin(missing, 1, ["a.h5"]) as one, pin(folder, 1, ["a.h5"]) as other:
        for held in (one, other):
            held.refresh()
            assert not held.is_held
    assert not missing.path.exists()
    assert f"reading {folder.path} without a pin" in caplog.text
    assert pinned(missing).objects == pinned(folder).objects == frozenset()


def test_a_pin_is_never_seen_half_written(folder: DatasetFolder):
    partial = folder.pins / f"{owner_name()}.partial"
    partial.write_text('{"version":1,"obj')
    assert pinned(folder).objects == frozenset()
    assert partial.exists()
    dead = folder.pins / f"{'+'.join((*owner_name().split('+')[:4], '1', 'abc'))}.partial"
    dead.write_text("")
    pinned(folder)
    assert not dead.exists()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version":1,"objects":[3]}', b"\xff"])
def test_an_unreadable_pin_is_passed_over_with_a_warning(
    folder: DatasetFolder, caplog: pytest.LogCaptureFixture, content: bytes
):
    path = folder.pins / owner_name()
    path.write_bytes(content)
    with pin(folder, 1, ["a.h5"]):
        assert pinned(folder).objects == {"a.h5"}
    assert f"{path} is not a readable pin" in caplog.text


def test_closing_twice_is_closing_once(folder: DatasetFolder):
    held = pin(folder, 1, ["a.h5"])
    assert isinstance(held, Pin)
    held.close()
    held.close()
    assert pin_files(folder) == []
