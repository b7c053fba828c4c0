"""Pairs whose making is killed, raced or watched: the same bytes in the end, and nothing half made in between."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from storage.verification import verified
from tests.faults.bare_pairs import BarePairs, run_bare_pairs
from tests.faults.c_shims import preloaded
from tests.oracles.published_dataset import Body, assert_object, state_of
from tests.tasks.ops.paired_images import HALF, Paired, body_of, paired, photos

SHARDS = (3,) * 40
LOCKED = (11, "DatasetLocked")
PUBLISHED, UNCHANGED = (0, "published"), (0, "unchanged")


def job_of(whole: Paired, dataset: str) -> BarePairs:
    return BarePairs(str(whole.tiers.slow), str(whole.tiers.fast), HALF, dataset)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, errors = process.communicate(timeout=120)
    assert output, errors
    said = json.loads(output)
    return process.returncode, said.get("status") or said["error"]


def assert_same(whole: Paired, dataset: str) -> None:
    """Check that a dataset holds what an uninterrupted run in this process made, every object by its hash."""
    made = Paired(whole.tiers, dataset, whole.version, True, 0)
    body: Body = body_of(made)
    assert state_of(body) == state_of(body_of(whole))
    for stored in [body["table"], body["card"], *(each for shard in body["shards"] for each in shard["objects"])]:
        assert_object(made.folder.path, stored)
    assert list(made.folder.tmp.iterdir()) == []
    assert verified(made.tiers, dataset, share=0.0).is_whole


@pytest.mark.parametrize(
    ("array_format", "kills"),
    [
        ("hdf5", 1),
        pytest.param("hdf5", 8, marks=pytest.mark.slow),
        pytest.param("bcolz", 8, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_killed_again_and_again_ends_in_what_an_uninterrupted_one_makes(
    array_format: str, kills: int, tmp_path: Path
):
    chance = random.Random(20261121 + kills)
    whole = paired(photos(tmp_path, array_format, shards=SHARDS).tiers, dataset="whole")
    job = job_of(whole, "killed")
    folder = whole.tiers.authority("killed")
    for kill in range(kills):
        process = run_bare_pairs(job)
        wanted = len(SHARDS) * kill // (kills + 1) + chance.randint(1, len(SHARDS) // (kills + 1))
        while process.poll() is None and len(list(folder.path.glob("receipts/*.json"))) < wanted:
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        process.kill()
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0)
    assert ended(run_bare_pairs(job)) in (PUBLISHED, UNCHANGED)
    assert_same(whole, "killed")


@pytest.mark.parametrize("with_locks", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_of_two_runs_at_once_one_publishes_and_the_other_does_no_harm(with_locks: bool, tmp_path: Path):
    whole = paired(photos(tmp_path, shards=SHARDS).tiers, dataset="whole")
    environment = None if with_locks else preloaded("useless_locks")
    runs = [run_bare_pairs(job_of(whole, "raced"), environment) for _ in range(2)]
    ends = {ended(run) for run in runs}
    assert PUBLISHED in ends
    assert ends <= {PUBLISHED, UNCHANGED, LOCKED}
    assert_same(whole, "raced")


@pytest.mark.slow
def test_a_run_beside_many_that_race_without_locks_never_leaves_a_version_without_its_objects(tmp_path: Path):
    whole = paired(photos(tmp_path, "bcolz", shards=SHARDS[:12]).tiers, dataset="whole")
    for number in range(5):
        runs = [run_bare_pairs(job_of(whole, f"race-{number}"), preloaded("useless_locks")) for _ in range(3)]
        ends = [ended(run) for run in runs]
        assert PUBLISHED in ends
        assert_same(whole, f"race-{number}")
