"""A lock is held by one process, whoever looks at it; who waits gets it, or learns who has it."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tasks.ops.file_locks import DeviceBusy, Patience, WaitStopped, file_lock, lock_state
from tests.tasks.ops.lock_holders import holder, looker

RUN = Path("/runs/second")


def test_whether_a_lock_is_held_and_by_whom_is_seen_from_outside(tmp_path: Path):
    lock = tmp_path / "lock"
    assert lock_state(lock) is None
    with holder(lock) as process:
        for _ in range(3):
            state = lock_state(lock)
            assert state is not None
            assert state.is_held
            assert state.note is not None
            assert (state.note.holder.pid, state.note.run) == (process.pid, "/runs/first")
        process.kill()
        process.wait()
        state = lock_state(lock)
        assert state is not None
        assert not state.is_held
        assert state.note is not None
        assert state.note.holder.pid == process.pid


def test_a_lock_that_is_only_looked_at_is_not_refused(tmp_path: Path):
    lock = tmp_path / "lock"
    lock.touch()
    descriptor = os.open(lock, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    looked = threading.Timer(0.05, os.close, [descriptor])
    looked.start()
    with file_lock(lock, RUN, what="the GPU"):
        state = lock_state(lock)
        assert state is not None
        assert state.is_held
    looked.join()


def test_runs_that_start_while_others_look_without_a_pause_are_never_refused(tmp_path: Path):
    lock = tmp_path / "lock"
    lock.touch()
    with looker(lock), looker(lock):
        for _ in range(200):
            with file_lock(lock, RUN, what="the GPU"):
                pass


def test_looking_never_takes_a_lock_that_a_run_holds(tmp_path: Path):
    lock = tmp_path / "lock"
    with file_lock(lock, RUN, what="the GPU"), looker(lock), looker(lock):
        for _ in range(3):
            with (
                pytest.raises(DeviceBusy, match=rf"in use by process {os.getpid()} on "),
                file_lock(lock, Path("/runs/third"), what="the GPU"),
            ):
                pass


def test_who_waits_gets_the_lock_when_it_is_let_go_of_and_is_told_once_for_whom(tmp_path: Path):
    told: list[str] = []
    with (
        holder(tmp_path / "lock", seconds=2) as process,
        file_lock(tmp_path / "lock", RUN, what="the GPU", patience=Patience(time.monotonic() + 60, tell=told.append)),
    ):
        assert process.wait() == 0
        state = lock_state(tmp_path / "lock")
        assert state is not None
        assert state.note is not None
        assert state.note.run == str(RUN)
    (sentence,) = told
    assert sentence.startswith(f"the GPU is in use by process {process.pid} on ")
    assert sentence.endswith(" s for it")


def test_who_waits_in_vain_is_told_who_has_it(tmp_path: Path):
    told: list[str] = []
    patience = Patience(time.monotonic() + 1.2, tell=told.append)
    with (
        holder(tmp_path / "lock") as process,
        pytest.raises(
            DeviceBusy, match=rf"^the GPU is in use by process {process.pid} .*, run /runs/first; wait until"
        ),
        file_lock(tmp_path / "lock", RUN, what="the GPU", patience=patience),
    ):
        pass
    assert len(told) == 1


def test_who_is_stopped_while_waiting_takes_nothing(tmp_path: Path):
    stopped = threading.Event()
    patience = Patience(time.monotonic() + 600, is_stopped=stopped.is_set, tell=lambda sentence: stopped.set())
    with (
        holder(tmp_path / "lock") as process,
        pytest.raises(WaitStopped, match=r"^told to stop while waiting for the GPU; nothing was begun$"),
        file_lock(tmp_path / "lock", RUN, what="the GPU", patience=patience),
    ):
        pass
    state = lock_state(tmp_path / "lock")
    assert state is not None
    assert state.note is not None
    assert state.note.holder.pid == process.pid


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff\xfe", b"[" * 100_000, b'{"holder": 7, "run": []}'])
def test_a_lock_file_may_hold_anything(tmp_path: Path, content: bytes):
    (tmp_path / "lock").write_bytes(content)
    state = lock_state(tmp_path / "lock")
    assert state is not None
    assert (state.is_held, state.note) == (False, None)


def test_what_is_no_plain_file_is_no_lock(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "precious").touch()
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with ExitStack() as held:
        held.enter_context(file_lock(tmp_path / "precious", RUN, what="the GPU"))
        for name, kind in (("link", "a symbolic link"), ("folder", "a folder"), ("pipe", "a pipe")):
            assert lock_state(tmp_path / name) is None
            assert f"{tmp_path / name} is {kind}" in caplog.text
