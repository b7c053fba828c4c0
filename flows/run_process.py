"""The process of one deployed run: Prefect's engine, which ends when its worker does. `python -m flows.run_process`.

A worker that is stopped or killed would otherwise leave it behind, at work, with nobody to tell how it ended; and the
next worker would start a second one beside it.
"""

from __future__ import annotations

import logging
import os
import runpy
import signal

from flows.own_loggers import OUR_PACKAGES
from tasks.ops.parent_death import end_with_parent


def main() -> None:
    """Carry out the run that the environment names."""
    # SIGTERM is what the engine expects: it stops what the run has started, and tells the server.
    end_with_parent(os.getppid(), signal.SIGTERM)
    for name in OUR_PACKAGES:
        logging.getLogger(name).setLevel(logging.INFO)
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
