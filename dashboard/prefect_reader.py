"""What Prefect knows of our runs, read through its client: the one module of the dashboard that imports Prefect."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

from dashboard.snapshots import Fresh
from dashboard.wording import one_line

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
RECENT, COMING, MOST_DEPLOYMENTS = 100, 100, 200
NOT_CONFIGURED = (
    "No Prefect server is configured, so runs and schedules of flows are not shown. Set PREFECT_API_URL, "
    "for example to that of `imagemill serve`: http://127.0.0.1:4200/api"
)

NAMING = ("dataset", "origin", "recipe", "model", "name", "source")
"""The parameters of our jobs that tell what a run is about."""
AT_WORK = frozenset({StateType.RUNNING, StateType.PENDING, StateType.CANCELLING, StateType.PAUSED})
_ENDED = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run: `kind` is Prefect's type of its state in lower case, `reason` why it is in it, `share` how far it is.

    `page` is its address on Prefect's pages; `share` is in [0, 1], None where it does not tell. `subject` is what its
    job names: dataset, recipe, model.
    """

    name: str
    flow: str
    state: str
    kind: str
    reason: str
    began: datetime | None
    ended: datetime | None
    duration: timedelta | None
    page: str
    subject: tuple[str, ...] = ()
    share: float | None = None

    @property
    def is_bad(self) -> bool:
        return self.kind in ("failed", "crashed")

    def is_overcome(self, runs: Iterable[RunLine]) -> bool:
        """Tell whether one of `runs` is a later run of the same flow on the same subject that completed."""
        own = [run for run in runs if (run.flow, run.subject, run.kind) == (self.flow, self.subject, "completed")]
        return any(run.ended and self.ended and run.ended > self.ended for run in own)


@dataclass(frozen=True, slots=True)
class FlowLine:
    """A flow: its last run that ended, its schedules as text, and when it runs next, if it is scheduled."""

    name: str
    last: RunLine | None
    schedules: tuple[str, ...]
    next: datetime | None
    deployments: int


@dataclass(frozen=True, slots=True)
class PrefectState:
    """What runs, what ended lately and badly, and the flows; `pages` is where Prefect's own pages are."""

    pages: str
    at_work: tuple[RunLine, ...]
    recent: tuple[RunLine, ...]
    flows: tuple[FlowLine, ...]


@dataclass(frozen=True, slots=True)
class PrefectAnswer:
    """What Prefect said last, if it ever did, and what keeps it from answering now, "" if nothing does."""

    last: Fresh[PrefectState] | None
    problem: str


class PrefectReader:
    """Asks the configured server, one question at a time, and remembers what it said."""

    def __init__(self) -> None:
        self._last: Fresh[PrefectState] | None = None

    def ask(self) -> PrefectAnswer:
        """Return what it says now; or what it said last, and why it is silent."""
        settings = get_current_settings()
        api = settings.api.url
        if not api:
            return PrefectAnswer(None, NOT_CONFIGURED)
        # A page that is asked again in a few seconds retries by itself.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            try:
                started = datetime.now(UTC)
                with get_client(httpx_settings={"timeout": PATIENCE_SECONDS}, sync_client=True) as client:
                    self._last = Fresh(_state(client, settings.ui_url or pages_of(api)), started)
            except ValueError as error:  # no JSON, or not of Prefect's shape
                logger.warning("%s does not answer as Prefect does: %s", api, error)
                return PrefectAnswer(self._last, f"What answers at {api} is not Prefect, or another version of it")
            except (httpx.HTTPError, httpx.InvalidURL, PrefectHTTPStatusError, RuntimeError) as error:
                told = one_line(str(error)) or type(error).__name__
                return PrefectAnswer(self._last, f"Prefect does not answer at {api}: {told}")
        return PrefectAnswer(self._last, "")


def pages_of(api: str) -> str:
    """Return where the pages of the server with this API are."""
    return api.rstrip("/").removesuffix("/api")


def _state(client: SyncPrefectClient, pages: str) -> PrefectState:
    ended = FlowRunFilter(state=_of_types(_ENDED))
    recent = client.read_flow_runs(flow_run_filter=ended, sort=FlowRunSort.END_TIME_DESC, limit=RECENT)
    busy = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=_of_types(AT_WORK)), sort=FlowRunSort.START_TIME_DESC, limit=RECENT
    )
    coming = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=_of_types([StateType.SCHEDULED])),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        limit=COMING,
    )
    names = {flow.id: flow.name for flow in client.read_flows(limit=200)}
    shares = _shares(client, [run.id for run in busy]) if busy else {}
    lines = [_line(run, names, pages) for run in recent]
    return PrefectState(
        pages=pages,
        at_work=tuple(_line(run, names, pages, shares) for run in busy),
        recent=tuple(lines),
        flows=_flows(names, client.read_deployments(limit=MOST_DEPLOYMENTS), lines, coming),
    )


def _of_types(types: Iterable[StateType]) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))


def _shares(client: SyncPrefectClient, runs: list[UUID]) -> dict[UUID, float]:
    """Return how far runs are that publish it, in [0, 1]; of several progresses of a run, the one that moved last."""
    found = client.read_artifacts(
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=runs), type=ArtifactFilterType(any_=["progress"])
        ),
        limit=200,
    )
    shares: dict[UUID, float] = {}
    for artifact in sorted(found, key=lambda each: each.updated or datetime.min.replace(tzinfo=UTC)):
        if artifact.flow_run_id is not None and isinstance(artifact.data, int | float):
            shares[artifact.flow_run_id] = min(max(artifact.data / 100, 0.0), 1.0)
    return shares


def _line(run: FlowRun, names: Mapping[UUID, str], pages: str, shares: Mapping[UUID, float] | None = None) -> RunLine:
    state = run.state
    is_over = run.end_time is not None
    return RunLine(
        name=run.name,
        flow=names.get(run.flow_id, "?"),
        state=(state and state.name) or "Unknown",
        kind=state.type.value.lower() if state else "unknown",
        reason=one_line((state and state.message) or ""),
        began=run.start_time,
        ended=run.end_time,
        duration=run.total_run_time if is_over else run.estimated_run_time,
        page=f"{pages}/runs/flow-run/{run.id}",
        subject=_subject(run.parameters),
        share=(shares or {}).get(run.id),
    )


def _subject(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    job = parameters.get("job")
    return tuple(f"{name}={job[name]}" for name in NAMING if name in job) if isinstance(job, Mapping) else ()


def _flows(
    names: Mapping[UUID, str], deployments: list[DeploymentResponse], ended: list[RunLine], coming: list[FlowRun]
) -> tuple[FlowLine, ...]:
    lines = []
    for identifier, name in sorted(names.items(), key=lambda item: item[1]):
        own = [deployment for deployment in deployments if deployment.flow_id == identifier]
        times = [run.next_scheduled_start_time for run in coming if run.flow_id == identifier]
        schedules = (told for deployment in own for told in _schedules(deployment))
        lines.append(
            FlowLine(
                name=name,
                last=next((line for line in ended if line.flow == name), None),
                schedules=tuple(dict.fromkeys(schedules)),
                next=min((time for time in times if time is not None), default=None),
                deployments=len(own),
            )
        )
    return tuple(lines)


def _schedules(deployment: DeploymentResponse) -> Iterable[str]:
    for each in deployment.schedules:
        schedule = each.schedule
        interval, cron = getattr(schedule, "interval", None), getattr(schedule, "cron", None)
        told = cron or (f"every {interval}" if interval else "by a rule")
        yield f"{deployment.name}: {told}" + ("" if each.active and not deployment.paused else " (off)")
