"""What every job asks that builds shards: where they are built. It decides nothing of what is built."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.runners import RunnerName

RunnerField = Annotated[
    RunnerName, Field(description="processes of this machine, or dask: the machines of a cluster, which see the roots")
]
SchedulerField = Annotated[
    str | None,
    Field(min_length=1, description="Address of a Dask scheduler, tcp://host:8786; a cluster on this machine if none"),
]


def require_used(scheduler: str | None, *, runner: RunnerName) -> None:
    """Check that an address is given only to the runner that uses it.

    Raises:
        ValueError: the shards would be built on this machine, which whoever gives an address does not expect.
    """
    if scheduler is not None and runner != "dask":
        raise ValueError(f"a Dask scheduler ({scheduler}) is used by the runner dask only, the runner is {runner}")
