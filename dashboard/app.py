"""The dashboard as an ASGI application: routes, what becomes of errors, and the gate before all of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from dashboard.bodies import read_body
from dashboard.dataset_views import dataset_routes
from dashboard.disk_views import disk_routes
from dashboard.model_views import model_routes
from dashboard.rendering import compile_templates, page
from dashboard.row_views import row_routes
from dashboard.run_views import run_routes
from dashboard.search_views import search_routes
from dashboard.security import COOKIE, Gate, cookie_value, is_token
from dashboard.site import Site
from dashboard.word_views import word_routes
from storage.errors import DatasetError, UnknownDataset

logger = logging.getLogger(__name__)

STATIC = Path(__file__).with_name("static")
MOST_FORM_BYTES = 4096
TITLES = {401: "Please sign in", 404: "Not found", 405: "Not allowed", 413: "Too large", 421: "Wrong address"}


def dashboard_app(site: Site) -> Gate:
    """Return the application of a dashboard."""
    compile_templates()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        site.close()

    async def sign_in(request: Request) -> Response:
        return await _signed_in(request, site)

    # Without a thread: they may all be waiting for a disk.
    async def health(request: Request) -> Response:
        return PlainTextResponse("ok")

    app = Starlette(
        routes=[
            *run_routes(site),
            *dataset_routes(site),
            *row_routes(site),
            *word_routes(site),
            *model_routes(site),
            *search_routes(site),
            *disk_routes(site),
            Route("/sign-in", sign_in, methods=["POST"]),
            Route("/health", health),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            HTTPException: _refused,
            UnknownDataset: _gone,
            DatasetError: _unreadable,
            OSError: _unreadable,
        },
        lifespan=lifespan,
    )
    # It would lead to the host that the request names, and forget the prefix that a proxy took away.
    app.router.redirect_slashes = False
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    return Gate(app, site.token, site.prefix, _turned_away)


async def _signed_in(request: Request, site: Site) -> Response:
    """Give who sends the token a cookie, and lead on to the first page."""
    content = await read_body(request, most=MOST_FORM_BYTES, told="That is no token.")
    fields = parse_qs(content.decode("utf-8", "replace"))
    shown = (fields.get("token") or [""])[0]
    if not site.token or not is_token(shown, site.token):
        return page(request, "sign_in.html", {"problem": "That was not the token."}, status=401)
    prefix = request.scope["root_path"]
    response = RedirectResponse(f"{prefix}/", 303)
    response.set_cookie(
        COOKIE,
        cookie_value(site.token),
        path=prefix or "/",  # /imagemill without a slash at its end is known, too
        httponly=True,
        samesite="strict",
        secure=request.headers.get("x-forwarded-proto") == "https",
    )
    return response


def _turned_away(scope: Scope, status: int) -> Response:
    """Return the page for who may not look."""
    request = Request(scope)
    if status == 401:
        return page(request, "sign_in.html", {"problem": ""}, status=401)
    told = (
        "This dashboard is for this machine only, by the names localhost and 127.0.0.1. "
        "For others, or through a proxy, start it with IMAGEMILL_DASHBOARD_TOKEN."
    )
    return page(request, "error.html", {"status": status, "title": TITLES[status], "told": told}, status=status)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = TITLES.get(error.status_code, "This cannot be shown")
    told = error.detail if error.detail != title else "There is nothing at this address."
    values = {"status": error.status_code, "title": title, "told": told}
    response = page(request, "error.html", values, status=error.status_code)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def _gone(request: Request, error: Exception) -> Response:
    """Return a page for what was there when the link was made, and was collected since."""
    values = {"status": 404, "title": TITLES[404], "told": str(error)}
    return page(request, "error.html", values, status=404)


def _unreadable(request: Request, error: Exception) -> Response:
    """Return a page that tells what is damaged: the next request may find it repaired."""
    logger.warning("%s cannot be shown: %s", request.url.path, error)
    values = {"status": 503, "title": "This cannot be read now", "told": str(error)}
    return page(request, "error.html", values, status=503)
