"""Serves a dashboard until Ctrl-C or SIGTERM: on this machine, or beyond it with a token."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import uvicorn

from dashboard.app import dashboard_app
from dashboard.site import Site
from tasks.ops.listening import is_loopback, listening_socket, local_url

SHORTEST_TOKEN = 16
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True, slots=True)
class DashboardPlace:
    """Where a dashboard listens; `prefix` is the path under which a proxy shows it, "" or as in /imagemill."""

    host: str = "127.0.0.1"
    port: int = 4300
    prefix: str = ""

    @property
    def url(self) -> str:
        """The address for those on this machine."""
        return f"{local_url(self.host, self.port)}{self.prefix}/"

    def require_safe(self, token: str) -> None:
        """Check that nobody from outside could look without being asked for a token.

        Raises:
            ValueError: it would listen beyond this machine without one, the token is short, or the prefix is no path.
        """
        if not is_loopback(self.host) and not token:
            raise ValueError(
                f"{self.host} can be reached from other machines, and your pictures could be looked at from there. "
                "Set IMAGEMILL_DASHBOARD_TOKEN to a long secret first, or leave --host away"
            )
        if self.prefix and not token:
            raise ValueError(
                f"the prefix {self.prefix} is for a proxy, through which your pictures could be looked at from "
                "elsewhere. Set IMAGEMILL_DASHBOARD_TOKEN to a long secret first, or leave --prefix away"
            )
        if token and len(token) < SHORTEST_TOKEN:
            raise ValueError(
                f"the token has {len(token)} characters, and {SHORTEST_TOKEN} is the least that is hard to guess; "
                "make one with: openssl rand -hex 24"
            )
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError(f"the prefix should be a path such as /imagemill, got {self.prefix!r}")


def serve(site: Site, place: DashboardPlace, *, say: Callable[[str], None]) -> None:
    """Serve until it is stopped.

    Raises:
        ValueError: it may not listen there, or cannot.
    """
    place.require_safe(site.token)
    with listening_socket(place.host, place.port, server="dashboard") as listener:
        config = uvicorn.Config(
            dashboard_app(site),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
        )
        # All that the first visitor would wait for: the libraries that serve, and the tables of rows.
        config.load()
        site.read_ahead()
        say(f"dashboard: {replace(place, port=listener.getsockname()[1]).url} (Ctrl-C stops it)")
        # It ends in order, and then raises the signal again, as if something were unfinished.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
