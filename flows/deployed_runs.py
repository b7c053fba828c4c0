"""Starts a run of a deployment, which a worker carries out, and follows it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from flows.orchestrator import RunNotCompleted

POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class SubflowEnd:
    """What became of one of the flows that a run called: its name, state, and wall seconds."""

    name: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class DeployedRun:
    """A run that was handed over: its name, its address on Prefect's pages, and the flows that it called."""

    name: str
    page: str
    flows: tuple[SubflowEnd, ...]


def pool_of(deployment: str) -> str | None:
    """Return the work pool of the deployment `flow/name` on the configured server, None where there is none."""
    with get_client(sync_client=True) as client:
        try:
            return client.read_deployment_by_name(deployment).work_pool_name
        except ObjectNotFound:
            return None


def is_worked(pool: str) -> bool:
    """Tell whether a worker is there that would carry out the runs of a pool."""
    with get_client(sync_client=True) as client:
        return any(worker.status is WorkerStatus.ONLINE for worker in client.read_workers_for_work_pool(pool))


def followed(deployment: str, parameters: dict[str, Any], *, say: Callable[[str], None]) -> DeployedRun:
    """Start a run of the deployment `flow/name`, tell what becomes of it, and return when it has completed.

    Raises:
        RunNotCompleted: it failed, crashed or was cancelled.
    """
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        run = client.create_flow_run_from_deployment(found.id, parameters=parameters, state=Scheduled())
        page = f"{str(client.api_url).removesuffix('/').removesuffix('/api')}/runs/flow-run/{run.id}"
        say(f"{run.name}: handed to a worker of pool {found.work_pool_name}; {page}")
        try:
            for told in _changes(client, run):
                say(f"{run.name}: {told}")
        except KeyboardInterrupt:
            say(f"{run.name} goes on; to stop it: prefect flow-run cancel {run.id}")
            raise
        ended = client.read_flow_run(run.id)
        state = ended.state
        if state is None or state.type is not StateType.COMPLETED:
            told = f"{state.name}: {state.message or 'it gave no reason'}" if state else "it has no state"
            raise RunNotCompleted(f"the run {run.name} ended as {told}; its log: {page}")
        return DeployedRun(run.name, page, tuple(_ends(client, run)))


def _changes(client: SyncPrefectClient, run: FlowRun) -> Iterator[str]:
    """Yield what is new, until the run has ended."""
    told: dict[str, str] = {}
    while True:
        now = client.read_flow_run(run.id)
        lines = {one.name: one.state for one in _ends(client, run)} | {
            "": (now.state and now.state.name) or "Scheduled"
        }
        for name, state in lines.items():
            if told.get(name) != state:
                yield f"{name}: {state}" if name else state
        told = lines
        if now.state and now.state.is_final():
            return
        time.sleep(POLL_SECONDS)


def _ends(client: SyncPrefectClient, run: FlowRun) -> Iterator[SubflowEnd]:
    parent = FlowRunFilterParentFlowRunId(any_=[run.id])
    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(parent_flow_run_id=parent), sort=FlowRunSort.START_TIME_ASC, limit=200
    )
    for one in found:
        yield SubflowEnd(one.name, (one.state and one.state.name) or "Scheduled", one.total_run_time.total_seconds())
