"""The flow that clears out: what it only tells, what it does, and a dataset that is being built."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.collect_garbage import CollectJob, collect_garbage
from storage.datasets import existing_dataset
from storage.locking import dataset_lock
from storage.versions import version_numbers
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two datasets with two versions each."""
    for count in (8, 12):
        add_pictures(tmp_path / "source", count)
        for dataset in ("day", "night"):
            prepare(BareJob(str(tmp_path / "source"), str(tmp_path / "root"), dataset=dataset))
    return tmp_path / "root"


def versions(root: Path) -> list[list[int]]:
    return [sorted(version_numbers(existing_dataset(root, dataset))) for dataset in ("day", "night")]


def test_unless_told_to_it_only_says_what_would_go(root: Path, prefect_api: str):
    found = collect_garbage(CollectJob(slow=root, keep=1, grace_days=0))
    assert [collection.dataset for collection in found] == ["day", "night"]
    assert all(collection.garbage for collection in found)
    assert versions(root) == [[1, 2], [1, 2]]


def test_a_dataset_at_work_is_passed_over_and_the_others_are_cleared(root: Path, prefect_api: str):
    with dataset_lock(existing_dataset(root, "day")):
        found = collect_garbage(CollectJob(slow=root, keep=1, grace_days=0, apply=True))
    assert [collection.dataset for collection in found] == ["night"]
    assert versions(root) == [[1, 2], [2]]
