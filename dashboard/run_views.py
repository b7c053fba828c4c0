"""The first page: what is at work, how far it is, what came out last, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.failures import Failure
from dashboard.prefect_reader import PrefectState, RunLine
from dashboard.rendering import page
from dashboard.site import Site

SHOWN_RUNS = 8
COMPARED = 80
"""So many characters of a reason tell that a run of a flow is the one that left a note."""


def run_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""

    def runs(request: Request) -> Response:
        builds, failures, prefect = site.builds.get(), site.failures.get(), site.prefect.get()
        last = prefect.value.last
        return page(
            request,
            "runs.html",
            {
                "builds": builds,
                "interrupted": [build for build in builds.value if build.holder is None],
                "at_work": [build for build in builds.value if build.holder is not None],
                "trainings": site.trainings.get(),
                "failures": failures,
                "failed_runs": failed_runs(last.value, failures.value) if last else [],
                "prefect": prefect.value,
                "prefect_asked": prefect.read_at,
                "shelf": site.shelf.get(),
            },
        )

    return [Route("/", runs)]


def failed_runs(state: PrefectState, noted: Sequence[Failure]) -> list[tuple[RunLine, bool]]:
    """Return the runs of flows that failed and left no note beside their data, and whether a later one overcame it.

    Those that nothing overcame come first.
    """
    bad = [run for run in state.recent if run.is_bad]
    own = [run for run in bad if not any(failure.reason[:COMPARED] in run.reason for failure in noted)]
    told = [(run, run.is_overcome(state.recent)) for run in own]
    return sorted(told, key=lambda each: each[1])[:SHOWN_RUNS]
