"""Runs that Prefect's API was told of, beside those that flows of the premises made by themselves."""

from __future__ import annotations

from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Cancelled, Completed, Failed, Running, Scheduled

from flows.deploy_order import DeployOrder
from flows.deploying import deploy
from flows.verify_dataset import verify_dataset

HOSTILE_RUN = "<script>alert('run')</script>\"'&amp;\u202e\u2028 " + "long " * 40
HOSTILE_MESSAGE = "<img src=x onerror=alert('message')> expected \"one\" & got 'two'\n| a | table |\n```"
HOSTILE_TAG = "<b>tag</b>"
NIGHTLY = "verify-dataset/verify-dataset"
"""A deployment that has a schedule, and of its runs one that completed, one that was cancelled, one that is late."""


def make_runs(client: SyncPrefectClient, *, source: Path, slow: Path, fast: Path) -> None:
    """Deploy as a user does, schedules on, and tell of runs that no flow would have made."""
    deploy(
        DeployOrder(
            source=source, slow=slow, fast=fast, dataset="pictures", scale="small", device="cpu", schedules=True
        )
    )
    nightly = client.read_deployment_by_name(NIGHTLY)
    job = {"job": {"slow": str(slow), "fast": str(fast), "dataset": "pictures"}}
    for ends in (Completed(message="every object is whole"), Cancelled(message="stopped by hand")):
        run = client.create_flow_run_from_deployment(nightly.id, parameters=job, state=Scheduled())
        for state in (Running(), ends):
            client.set_flow_run_state(run.id, state, force=True)
    client.create_flow_run_from_deployment(nightly.id, parameters=job, state=Scheduled())
    hostile = client.create_flow_run(verify_dataset, name=HOSTILE_RUN, parameters=job, tags=[HOSTILE_TAG])
    for state in (Running(), Failed(message=HOSTILE_MESSAGE)):
        client.set_flow_run_state(hostile.id, state, force=True)
