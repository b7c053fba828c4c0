"""Groups of shards that one Prefect task carries, about a minute of work: a task costs as much as some images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Generic, TypeVar

Job = TypeVar("Job", bound=Sized)


class Lot(Generic[Job]):
    """The shards that one task carries.

    No dataclass: Prefect looks for futures at every name and number in one that a task is given, which costs more
    than all else that is done for an image outside of its worker.
    """

    def __init__(self, name: str, jobs: Sequence[Job]) -> None:
        self.name, self.jobs = name, jobs


def lots_of(jobs: Iterable[Job], *, images: int) -> Iterator[Lot[Job]]:
    """Group shards into lots of at least `images` images, the last one perhaps smaller."""
    lot: list[Job] = []
    number = held = 0
    for job in jobs:
        lot.append(job)
        held += len(job)
        if held >= images:
            yield Lot(f"{number:04d}", tuple(lot))
            lot, number, held = [], number + 1, 0
    if lot:
        yield Lot(f"{number:04d}", tuple(lot))
