"""Prefect's server as a process: `python -m flows.server_process HOST PORT`, as Prefect starts its own."""

from __future__ import annotations

import sys

import uvicorn

from flows.sqlite_transactions import begin_as_writers


def main() -> None:
    """Serve Prefect's API and, where the settings have them, its pages, until SIGTERM."""
    host, port = sys.argv[1], int(sys.argv[2])
    begin_as_writers()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host=host,
        port=port,
        log_level="error",
        lifespan="on",
        # Prefect's own value: what keeps a connection open must not keep the server from ending.
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
