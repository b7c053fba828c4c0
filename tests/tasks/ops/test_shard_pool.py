"""Workers are really killed here, while they decode, while they write, and with the run: no row is lost or doubled."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest

from storage.errors import ShardCrashed
from storage.layout import DatasetFolder
from tasks.ops.shard_building import ShardJob, build_shard
from tasks.ops.shard_pool import build_shards
from tests.tasks.ops.worker_killing import killing, noted

REPOSITORY = Path(__file__).parents[3]
IDLE = -1


def on_disk(job: ShardJob) -> dict[str, Any]:
    return json.loads((job.folder.path / "receipts" / f"{job.key}.json").read_text())["body"]


def labels_stored(job: ShardJob) -> list[int]:
    """Return the labels, which number the inputs of a test's job, as plain h5py finds them."""
    (first, *_) = on_disk(job)["arrays"]
    with h5py.File(job.folder.objects / first["stored"]["name"]) as file:
        return np.asarray(file["labels"]).tolist()


@pytest.fixture
def with_slow(make_job, pngs: Callable[[int], dict[str, bytes]], slow_image: bytes) -> Callable[..., ShardJob]:
    """Give a job of `count` small pictures, with the slow one at `position`."""

    def make(folder_name: str, count: int = 6, position: int | None = 3) -> ShardJob:
        files = {name.replace("cat", folder_name): content for name, content in pngs(count).items()}
        names = list(files)
        if position is not None:
            files[names[position]] = slow_image
        return make_job(files)

    return make


pytestmark = pytest.mark.usefixtures("no_process_is_left")


def test_every_shard_is_built_once_by_other_processes(with_slow):
    jobs = [with_slow(f"class{number}", position=None) for number in range(9)]
    receipts = list(build_shards(iter(jobs), workers=2, work=build_shard))
    assert sorted(receipt.key for receipt in receipts) == sorted(job.key for job in jobs)
    assert all(labels_stored(job) == list(range(6)) for job in jobs)
    notes = [noted(job) for job in jobs]
    assert all(note is not None and note[0] == IDLE and note[1] != os.getpid() for note in notes)


def test_no_job_is_no_work():
    assert list(build_shards([], workers=2, work=build_shard)) == []


def test_the_image_that_kills_twice_is_refused_and_all_others_are_stored(with_slow):
    bad, *others = jobs = [with_slow("killer"), with_slow("slow"), with_slow("small", position=None)]
    with killing(bad, 3, times=2) as killed:
        receipts = list(build_shards(jobs, workers=2, work=build_shard))
    assert len(killed) == 2
    assert sorted(receipt.key for receipt in receipts) == sorted(job.key for job in jobs)
    body = on_disk(bad)
    (refused,) = body["refused"]
    assert (refused["position"], refused["reason"]) == (3, "crashed")
    assert refused["detail"] == "ended the worker process twice"
    assert body["rows"] + len(body["refused"]) == len(bad)
    assert labels_stored(bad) == [0, 1, 2, 4, 5]
    for job in others:
        assert (on_disk(job)["rows"], on_disk(job)["refused"]) == (6, [])
        assert labels_stored(job) == list(range(6))


def test_one_death_while_decoding_is_forgiven(with_slow):
    job = with_slow("cat")
    with killing(job, 3, times=1) as killed:
        (receipt,) = build_shards([job], workers=2, work=build_shard)
    assert len(killed) == 1
    assert (receipt.rows, receipt.refused) == (6, ())
    assert labels_stored(job) == list(range(6))


def test_two_images_of_one_shard_may_kill_and_only_they_are_refused(make_job, pngs, slow_image: bytes):
    job = make_job({**pngs(5), "cat/1.png": slow_image, "cat/3.png": slow_image})
    with killing(job, 1, times=2) as first, killing(job, 3, times=2) as second:
        (receipt,) = build_shards([job], workers=1, work=build_shard)
    assert (len(first), len(second)) == (2, 2)
    assert [(refused.position, refused.reason.value) for refused in receipt.refused] == [(1, "crashed"), (3, "crashed")]
    assert labels_stored(job) == [0, 2, 4]


def test_one_death_of_each_of_two_images_is_forgiven(make_job, pngs, slow_image: bytes):
    job = make_job({**pngs(5), "cat/1.png": slow_image, "cat/3.png": slow_image})
    with killing(job, 1, times=1) as first, killing(job, 3, times=1) as second:
        (receipt,) = build_shards([job], workers=1, work=build_shard)
    assert (len(first), len(second), receipt.rows) == (1, 1, 5)


@pytest.fixture
def slow_to_read(make_job, pngs, tmp_path: Path) -> ShardJob:
    """A job whose first input is 190 MB of nothing: its worker is long at reading it, where no image is to blame."""
    job = make_job({"cat/vast.jpg": b"", **pngs(3)})
    with (tmp_path / "source" / "cat" / "vast.jpg").open("wb") as file:
        file.truncate(190_000_000)
    found = (tmp_path / "source" / "cat" / "vast.jpg").stat()
    return replace(job, sizes=(found.st_size, *job.sizes[1:]), mtimes_ns=(found.st_mtime_ns, *job.mtimes_ns[1:]))


def test_one_death_outside_of_decoding_is_forgiven_and_blames_no_image(slow_to_read: ShardJob):
    with killing(slow_to_read, IDLE, times=1) as killed:
        (receipt,) = build_shards([slow_to_read], workers=1, work=build_shard)
    assert len(killed) == 1
    assert [refused.reason.value for refused in receipt.refused] == ["unknown-format"]
    assert labels_stored(slow_to_read) == [1, 2, 3]


def test_a_second_death_outside_of_decoding_ends_the_run_and_tells_where_to_look(slow_to_read: ShardJob):
    with (
        killing(slow_to_read, IDLE, times=2) as killed,
        pytest.raises(
            ShardCrashed, match=r"died while they wrote shards of .*/photos .*SIGKILL.* full or failing disk"
        ),
    ):
        list(build_shards([slow_to_read], workers=1, work=build_shard))
    assert len(killed) == 2
    assert list((slow_to_read.folder.path / "receipts").iterdir()) == []


def test_an_error_in_a_worker_reaches_the_run_as_it_is(with_slow, tmp_path: Path):
    job = with_slow("cat", position=None)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        list(build_shards([replace(job, source=tmp_path / "nowhere")], workers=2, work=build_shard))


def test_an_interrupted_run_leaves_no_worker_and_its_receipts(with_slow, folder: DatasetFolder):
    jobs = [with_slow(f"class{number}", position=0 if number else None) for number in range(5)]
    others = set(psutil.Process().children())
    building = build_shards(jobs, workers=2, work=build_shard)
    first = next(building)
    children = set(psutil.Process().children()) - others
    workers = [process for process in children if "popen_loky" in " ".join(process.cmdline())]
    assert len(workers) == 2
    started = time.monotonic()
    building.close()
    assert time.monotonic() - started < 5
    assert not any(process.is_running() for process in workers)
    assert first.key in {path.stem for path in (folder.path / "receipts").iterdir()}
    assert {receipt.key for receipt in build_shards(jobs, workers=2, work=build_shard)} == {job.key for job in jobs}


RUN = """
import pickle, sys
from tasks.ops.shard_building import build_shard
from tasks.ops.shard_pool import build_shards
if __name__ == "__main__":
    for receipt in build_shards(pickle.loads(bytes.fromhex(sys.stdin.read())), workers=2, work=build_shard):
        pass
"""


def test_workers_end_with_a_run_that_is_killed_and_write_nothing_afterwards(
    with_slow, folder: DatasetFolder, tmp_path: Path
):
    jobs = [with_slow(f"class{number}", position=0) for number in range(6)]
    script = tmp_path / "run.py"
    script.write_text(RUN)
    run = subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert run.stdin is not None
    run.stdin.write(pickle.dumps(jobs).hex().encode())
    run.stdin.close()
    deadline = time.monotonic() + 60
    while not any((noted(job) or (IDLE, 0))[0] == 0 for job in jobs) and time.monotonic() < deadline:
        time.sleep(0.005)
    workers = [child for child in psutil.Process(run.pid).children() if "popen_loky" in " ".join(child.cmdline())]
    run.kill()
    run.wait()
    assert len(workers) == 2
    deadline = time.monotonic() + 10
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_alive, workers))
    assert len(list((folder.path / "receipts").iterdir())) < len(jobs)


def is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: in a container nobody may be there to bury it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
