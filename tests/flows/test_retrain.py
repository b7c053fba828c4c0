"""The flow that follows a published version: it goes on from that one, and leaves it where a newer one stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.part_steps import PARTS, ModelChoices, PartSteps, PublishedImages
from flows.retrain import RetrainJob, retrain
from flows.train_job import TrainJob
from storage.errors import UnknownDataset
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two versions of a dataset."""
    job = BareJob(str(tmp_path / "source"), str(tmp_path / "root"), dataset="photos")
    for count in (8, 12):
        add_pictures(tmp_path / "source", count)
        prepare(job)
    return tmp_path / "root"


def images_of(root: Path, version: int | None) -> PublishedImages:
    return PublishedImages(dataset="photos", slow=root, fast=root, version=version)


def test_a_version_that_another_has_followed_is_left_to_that_one(root: Path, prefect_api: str):
    assert retrain(images_of(root, 1), RetrainJob(part="superres")) == ()
    assert not list(root.glob("model-*"))


@pytest.mark.parametrize(("dataset", "version"), [("photos", 3), ("others", 1)])
def test_a_version_that_is_not_there_is_told_with_its_root(root: Path, prefect_api: str, dataset: str, version: int):
    images = images_of(root, version).model_copy(update={"dataset": dataset})
    with pytest.raises(UnknownDataset, match=str(root)):
        retrain(images, RetrainJob(part="gan"))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_made_of_the_dataset_and_the_roots_that_the_event_names(part: str, tmp_path: Path):
    images = PublishedImages.model_validate(
        {"dataset": "photos", "slow": tmp_path / "slow", "fast": tmp_path / "fast", "version": 5, "later": "field"}
    )
    jobs = [step.job for step in PartSteps(images, ModelChoices(scale="small", device="cpu")).of(part)]  # type: ignore[arg-type]
    assert {(job.slow, job.fast) for job in jobs} == {(tmp_path / "slow", tmp_path / "fast")}
    assert isinstance(jobs[-1], TrainJob)
    assert jobs[-1].recipe == part
    assert jobs[-1].device == "cpu"
