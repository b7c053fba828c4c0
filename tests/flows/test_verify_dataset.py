"""The flow that checks a dataset, and what it leaves on Prefect's pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.verify_dataset import VerifyJob, verify_dataset
from storage.errors import DamagedDataset
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures


@pytest.fixture
def root(tmp_path: Path) -> Path:
    add_pictures(tmp_path / "source", 16)
    prepare(BareJob(str(tmp_path / "source"), str(tmp_path / "root"), dataset="night"))
    return tmp_path / "root"


def newest_artifact(key: str) -> str:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return str(max(found, key=lambda artifact: str(artifact.created)).data)


def test_a_scheduled_check_fails_its_run_when_something_is_damaged_and_shows_what(root: Path, prefect_api: str):
    job = VerifyJob(dataset="night", slow=root, fast=root, seed=0)
    (found,) = verify_dataset(job)
    assert found.is_whole
    assert "# night: whole" in newest_artifact("night-verification")
    damaged = sorted((root / "night" / "objects").glob("8-*"))[0]
    damaged.unlink()
    with pytest.raises(DamagedDataset, match=r"night: damaged: .* missing; rows") as caught:
        verify_dataset(job)
    assert caught.value.path == damaged
    page = newest_artifact("night-verification")
    assert "# night: damaged" in page
    assert f"| `{damaged}` | missing | " in page


def test_the_share_is_a_share():
    with pytest.raises(ValueError, match="less than or equal to 1"):
        VerifyJob(dataset="night", slow=Path("a"), fast=Path("a"), share=5, seed=0)


def test_without_a_name_all_datasets_are_checked_and_each_damaged_one_is_named(root: Path, prefect_api: str):
    prepare(BareJob(str(root.parent / "source"), str(root), dataset="day"))
    job = VerifyJob(slow=root, fast=root, seed=0)
    assert [found.dataset for found in verify_dataset(job)] == ["day", "night"]
    for dataset in ("day", "night"):
        sorted((root / dataset / "objects").glob("8-*"))[0].unlink()
    with pytest.raises(
        DamagedDataset, match=r"^day night: damaged: .* and \d+ more\. Run imagemill repair for: day night$"
    ):
        verify_dataset(job)
