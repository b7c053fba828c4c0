"""Prefect's temporary server, a process that dies with its parent: `python -m flows.server_process PORT PARENT`."""

from __future__ import annotations

import signal
import sys

from tasks.ops.parent_death import end_with_parent


def main() -> None:
    """Serve Prefect's API on loopback until SIGTERM, or until the process that started this one is gone."""
    port, parent = int(sys.argv[1]), int(sys.argv[2])
    end_with_parent(parent, signal.SIGTERM)
    import uvicorn

    # As Prefect starts its own temporary server.
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan="on",
    )


if __name__ == "__main__":
    main()
