"""What every job asks that may use a GPU: how long it waits for one that is held. It decides nothing else."""

from __future__ import annotations

from typing import Annotated

from prefect.runtime import deployment
from pydantic import Field

DEPLOYED_SECONDS = 600
"""As long as a training that was asked to stop may take for its step and its checkpoint."""

WaitField = Annotated[
    int | None,
    Field(ge=0, description="Seconds to wait for a GPU that another run holds; by default 600 for a worker, else none"),
]


def chosen_wait(seconds: int | None) -> int:
    """Return for how many seconds the flow run that asks waits: a person is told at once, a worker is patient.

    Where the process of a run was killed, its training still writes a checkpoint when the next run begins.
    """
    if seconds is not None:
        return seconds
    return DEPLOYED_SECONDS if deployment.id is not None else 0
