"""Who holds which GPU is read from files that anybody may have put there."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from flows.status_terminal import device_line
from tasks.ops.held_devices import MOST_DEVICES, DeviceState, device_states
from tests.tasks.ops.lock_holders import holder


def states(locks: Path) -> dict[str, DeviceState]:
    return {state.name: state for state in device_states(locks)}


def test_where_no_run_has_used_a_gpu_there_is_none(tmp_path: Path):
    assert device_states(tmp_path / "nothing") == []
    assert device_states(tmp_path) == []


def test_a_gpu_is_held_until_its_process_ends_and_then_free(tmp_path: Path):
    (tmp_path / "gpu-b.lock").touch()
    with holder(tmp_path / "gpu-a.lock") as process:
        held = states(tmp_path)
        assert {name: state.is_held for name, state in held.items()} == {"gpu-a": True, "gpu-b": False}
        by = rf"process {process.pid} on {socket.gethostname()}"
        assert device_line(held["gpu-a"]).startswith(f"gpu-a: held by {by} since 20")
        assert device_line(held["gpu-a"]).endswith(", run /runs/first")
        assert device_line(held["gpu-b"]) == "gpu-b: free"
        process.kill()
        process.wait()
    freed = states(tmp_path)["gpu-a"]
    assert not freed.is_held
    assert device_line(freed).startswith(f"gpu-a: free, last used by {by} from 20")


def test_what_is_left_of_a_process_that_has_ended_still_holds(tmp_path: Path):
    # Its children may have the lock, which is theirs as well; the note then names one that is gone.
    with holder(tmp_path / "gpu-a.lock") as process:
        note = json.loads((tmp_path / "gpu-a.lock").read_text())
        gone = note | {"holder": note["holder"] | {"pid": 2**22 + 1}}
        (tmp_path / "gpu-a.lock").write_text(json.dumps(gone))
        line = device_line(states(tmp_path)["gpu-a"])
        assert process.poll() is None
    assert line.startswith("gpu-a: held by a process that has just started, or what is left of process 4194305 on ")


def test_other_things_in_the_folder_are_passed_over_and_never_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    locks = tmp_path / "locks"
    locks.mkdir()
    (tmp_path / "secret").write_text('{"holder":{"host":"h","pid":1,"boot":"b","since":"s"},"run":"secret"}')
    (locks / "gpu-link.lock").symlink_to(tmp_path / "secret")
    (locks / "gpu-dangling.lock").symlink_to(tmp_path / "nothing")
    os.mkfifo(locks / "gpu-pipe.lock")
    (locks / "gpu-folder.lock").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(locks / "gpu-socket.lock"))
    for name in ("gpu-\x1b[2J.lock", "gpu-.lock.txt", "notes.txt", "gpu-é.lock", f"gpu-{'a' * 101}.lock"):
        (locks / name).touch()
    with (locks / "gpu-endless.lock").open("wb") as file:
        file.truncate(2**40)
    assert device_states(locks) == [DeviceState("gpu-endless", False, None)]
    assert f"{locks / 'gpu-link.lock'} is a symbolic link" in caplog.text


def test_a_link_is_no_folder_of_locks_and_nothing_is_read_behind_it(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "gpu-a.lock").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    assert device_states(tmp_path / "link") == []
    assert device_states(tmp_path / "gpu-a.lock") == []
    assert "the folder of device locks is passed over" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_what_another_user_has_closed_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "gpu-a.lock").touch(mode=0o000)
    assert device_states(tmp_path) == []
    tmp_path.chmod(0o000)
    assert device_states(tmp_path) == []
    tmp_path.chmod(0o700)
    assert "a lock is passed over" in caplog.text


def test_of_a_flood_of_locks_only_some_are_looked_at(tmp_path: Path):
    for number in range(MOST_DEVICES + 10):
        (tmp_path / f"gpu-{number}.lock").touch()
    assert len(device_states(tmp_path)) == MOST_DEVICES
