"""`imagemill deploy` on a real server: what it makes, that it may be run again, and what a published version starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deploy_order import DeployOrder
from flows.deploying import PREFECT_FILE, deploy
from flows.deployment_guards import HEARTBEAT_SECONDS, RETRAINING, SILENT, SILENT_SECONDS, TAG
from flows.image_job import ImageJob
from flows.part_steps import PARTS
from flows.prepare_images import prepare_images
from storage.announcements import is_announced
from storage.datasets import existing_dataset
from tests.faults.hostile_servers import own_server
from tests.faults.tiny_source import add_pictures

SETTLED_SECONDS = 8
"""The server acts on an event within 5 s: what has not come after this does not come."""
GIVE_UP_SECONDS = 120


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roots")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncPrefectClient]:
    """A client of a server that runs all that a lasting one does, and so acts on events."""
    with (
        own_server(tmp_path_factory.mktemp("home"), is_ours=True) as server,
        temporary_settings({PREFECT_API_URL: server.api}),
        get_client(sync_client=True) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def deployed(client: SyncPrefectClient, root: Path) -> DeployOrder:
    order = DeployOrder(
        source=add_pictures(root / "photos", 12), slow=root / "slow", scale="small", device="cpu", schedules=True
    )
    deploy(order)
    return order


def job_of(root: Path, dataset: str) -> ImageJob:
    return ImageJob(
        source=root / dataset, dataset=dataset, slow=root / "slow", fast=root / "slow", sizes=(32,), workers=2
    )


def runs_of(client: SyncPrefectClient) -> list[FlowRun]:
    """Return the runs that triggers have made; those of schedules are not among them."""
    found = client.read_flow_runs(limit=200)
    return [run for run in found if run.deployment_id is not None and not run.auto_scheduled]


def wait_for_runs(client: SyncPrefectClient, count: int) -> list[FlowRun]:
    """Wait until triggers have made so many runs, and then whether they make more."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while len(runs_of(client)) < count:
        assert time.monotonic() < give_up, runs_of(client)
        time.sleep(0.5)
    time.sleep(SETTLED_SECONDS)
    return runs_of(client)


def standing(client: SyncPrefectClient) -> dict[str, Any]:
    """Return all that a deployment leaves on a server, without identifiers and times."""
    pools = {pool.name: (pool.type, pool.concurrency_limit) for pool in client.read_work_pools()}
    variables = {variable.name: variable.value for variable in client.read_variables(limit=200)}
    automations = sorted((each.name, each.enabled) for each in client.read_automations())
    deployments = {
        each.name: (
            each.parameters,
            each.work_pool_name,
            each.job_variables,
            each.tags,
            [(str(one.schedule), one.active) for one in each.schedules],
            each.concurrency_options,
        )
        for each in client.read_deployments(limit=200)
    }
    return {"pools": pools, "variables": variables, "automations": automations, "deployments": deployments}


def test_every_flow_is_deployed_with_its_pool_its_job_and_its_schedule(
    client: SyncPrefectClient, deployed: DeployOrder, root: Path
):
    names = {each["name"] for each in yaml.safe_load(PREFECT_FILE.read_text())["deployments"]}
    found = {each.name: each for each in client.read_deployments(limit=200)}
    assert set(found) == names
    assert {each.work_pool_name for each in found.values()} == {"cpu", "gpu"}
    assert {name for name, each in found.items() if any(one.active for one in each.schedules)} == {
        "prepare-images",
        "verify-dataset",
        "collect-garbage",
    }
    job = found["prepare-images"].parameters["job"]
    assert ImageJob.model_validate(job).source == root / "photos"
    assert job["sizes"] == [288, 72, 32]
    assert found["retrain-gan"].parameters == {"job": {"part": "gan", "scale": "small", "device": "cpu"}}
    # What is asked for is described: the form on Prefect's pages is made of it.
    described = found["make-pairs"].parameter_openapi_schema
    assert described is not None
    fields = described["definitions"]["PairJob"]["properties"]
    assert all(field.get("description") for field in fields.values())


def test_the_watch_waits_for_several_heartbeats_of_the_runs(client: SyncPrefectClient, deployed: DeployOrder):
    (watch,) = client.read_automations_by_name(SILENT)
    assert watch.trigger.model_dump()["within"].total_seconds() == SILENT_SECONDS >= 3 * HEARTBEAT_SECONDS
    found = client.read_deployments(limit=200)
    told = {each.job_variables["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] for each in found}
    assert told == {str(HEARTBEAT_SECONDS)}
    assert all(TAG in each.tags for each in found)
    assert {each.name for each in found if RETRAINING in each.tags} == {f"retrain-{part}" for part in PARTS}


def test_deployed_again_nothing_is_doubled_and_what_was_not_told_stays(
    client: SyncPrefectClient, deployed: DeployOrder
):
    client.update_work_pool("cpu", WorkPoolUpdate(concurrency_limit=7))
    before = standing(client)
    deploy(DeployOrder())
    assert standing(client) == before
    # A guard that is written again has forgotten which runs it waits for.
    asked = {"filter": {"event": {"name": ["prefect.automation.updated"]}}}
    assert client.request("POST", "/events/filter", json=asked).json()["events"] == []
    assert before["pools"] == {"cpu": ("process", 7), "gpu": ("process", 1)}
    deploy(DeployOrder(schedules=False, gpus=2))
    after = standing(client)
    assert after["pools"]["gpu"] == ("process", 2)
    assert not any(active for _, _, _, _, schedules, _ in after["deployments"].values() for _, active in schedules)
    assert after["variables"] == before["variables"] | {"imagemill_schedules": False}


def test_a_published_version_starts_each_retraining_once_and_the_same_again_starts_none(
    client: SyncPrefectClient, deployed: DeployOrder, root: Path
):
    job = job_of(root, "photos")
    names = {each.id: each.name for each in client.read_deployments(limit=200)}
    assert prepare_images(job).status == "published"
    first = wait_for_runs(client, 3)
    assert sorted(names[run.deployment_id] for run in first if run.deployment_id) == [
        "retrain-devise",
        "retrain-gan",
        "retrain-superres",
    ]
    images = {"dataset": "photos", "version": 1, "slow": str(root / "slow"), "fast": str(root / "slow")}
    assert all(run.parameters["images"] == images | {"fast_budget": None} for run in first)
    assert prepare_images(job).status == "unchanged"
    assert len(wait_for_runs(client, 3)) == 3
    add_pictures(root / "photos", 4, first=12)
    assert prepare_images(job).version.number == 2
    second = [run for run in wait_for_runs(client, 6) if run.id not in {run.id for run in first}]
    assert [run.parameters["images"]["version"] for run in second] == [2, 2, 2]


def test_what_was_published_unheard_is_announced_by_the_next_run(
    client: SyncPrefectClient, deployed: DeployOrder, root: Path
):
    job = job_of(root, "photos")
    number = prepare_images(job).version.number
    folder, before = existing_dataset(root / "slow", "photos"), len(wait_for_runs(client, 3))
    folder.announcement(number).unlink()
    assert prepare_images(job).status == "unchanged"
    assert is_announced(folder, number)
    # The event has the identifier that it had: Prefect does not act on it again.
    assert len(wait_for_runs(client, before)) == before


def test_another_dataset_starts_nothing(client: SyncPrefectClient, deployed: DeployOrder, root: Path):
    before = len(runs_of(client))
    add_pictures(root / "others", 4)
    others = job_of(root, "others")
    assert prepare_images(others).status == "published"
    assert len(wait_for_runs(client, before)) == before
