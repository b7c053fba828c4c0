"""The first page: what is at work, how far it is, what came out last, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.rendering import page
from dashboard.site import Site


def run_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""

    def runs(request: Request) -> Response:
        builds = site.builds.get()
        return page(
            request,
            "runs.html",
            {
                "builds": builds,
                "interrupted": [build for build in builds.value if build.holder is None],
                "at_work": [build for build in builds.value if build.holder is not None],
                "trainings": site.trainings.get(),
                "failures": site.failures.get(),
                "prefect": site.prefect.get().value,
                "shelf": site.shelf.get(),
            },
        )

    return [Route("/", runs)]
