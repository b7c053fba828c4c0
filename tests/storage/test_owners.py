"""Names that belong to a process: whoever is called gone is gone."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from storage.owners import SILENT_SECONDS, is_gone, is_here, is_owner, is_silent, owner_name

RUN = """
import sys
from storage.owners import owner_name
print(owner_name(), flush=True)
sys.stdin.readline()
"""


def changed(owner: str, **parts: str) -> str:
    named = dict(zip(("host", "boot", "namespace", "pid", "started", "chance"), owner.split("+"), strict=True))
    return "+".join((named | parts).values())


@pytest.fixture
def running(start_python):
    """A living process and its name."""
    process = start_python(RUN)
    return process, process.stdout.readline().strip()


def test_a_name_tells_host_boot_namespace_process_and_start():
    host, boot, namespace, pid, started, _ = owner_name().split("+")
    assert host == socket.gethostname()
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert f"pid:[{namespace}]" == os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    assert int(pid) == os.getpid()
    assert started == Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]


def test_no_name_is_given_twice_and_each_can_name_a_file(tmp_path: Path):
    names = {owner_name() for _ in range(100)}
    assert len(names) == 100
    for name in names:
        (tmp_path / f"{name}.partial").touch(exist_ok=False)


def test_a_living_process_is_not_gone(running):
    for owner in (owner_name(), running[1]):
        assert is_owner(owner)
        assert is_here(owner)
        assert not is_gone(owner)


@pytest.mark.parametrize("reaped", [True, False])
def test_a_killed_process_is_gone_reaped_or_not(running, reaped: bool):
    process, owner = running
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | (0 if reaped else os.WNOWAIT))
    assert is_gone(owner)


def test_a_stopped_process_is_not_gone(running):
    process, owner = running
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert not is_gone(owner)


def test_a_process_number_that_was_given_again_is_not_the_owner(running):
    assert is_gone(changed(running[1], started="1"))


def test_whoever_ran_before_the_last_boot_is_gone():
    assert is_gone(changed(owner_name(), boot="00000000-0000-0000-0000-000000000000"))
    assert not is_here(changed(owner_name(), boot="00000000-0000-0000-0000-000000000000"))


@pytest.mark.parametrize("part", [{"host": "another-host"}, {"namespace": "1"}, {"host": "x", "boot": "y"}], ids=str)
def test_of_another_host_or_container_nothing_is_certain(part: dict[str, str]):
    nobody = changed(owner_name(), pid="4194304", **part)
    assert is_owner(nobody)
    assert not is_gone(nobody)
    assert not is_here(nobody)


@pytest.mark.parametrize("name", ["", "a", "+++++", "a+b+c+d+e+f", "a+b+c+0+e+f", "a+b+1+c", "a+b+c+-1+e+f"])
def test_what_is_no_owners_name_is_neither_here_nor_gone(name: str):
    assert not is_owner(name)
    assert not is_here(name)
    assert not is_gone(name)


def test_a_process_number_beyond_all_limits_is_gone():
    assert is_gone(changed(owner_name(), pid="9" * 30))


def test_only_an_unseen_owner_becomes_silent_with_time(tmp_path: Path):
    mine, other = tmp_path / owner_name(), tmp_path / changed(owner_name(), host="another-host")
    dead = tmp_path / changed(owner_name(), started="1")
    for path in (mine, other, dead):
        path.touch()
    assert [is_silent(path) for path in (mine, other, dead)] == [False, False, True]
    for path in (mine, other):
        os.utime(path, (time.time(), time.time() - SILENT_SECONDS - 60))
    assert [is_silent(path) for path in (mine, other)] == [False, True]
    other.unlink()
    assert is_silent(other)
