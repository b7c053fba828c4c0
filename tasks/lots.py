"""Groups of shards that one Prefect task carries, about a minute of work: a task costs as much as some images."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import closing
from typing import Generic, Protocol, TypeVar

from storage.receipts import Receipt
from tasks.ops.shard_pool import PoolJob, Work


class SizedJob(PoolJob, Sized, Protocol):
    """The job of one shard; its length is how many images it has."""


Job = TypeVar("Job", bound=SizedJob)


class Lot(Generic[Job]):
    """The shards that one task carries.

    No dataclass: Prefect looks for futures at every name and number in one that a task is given, which costs more
    than all else that is done for an image outside of its worker.
    """

    def __init__(self, name: str, jobs: Iterable[Job]) -> None:
        self.name, self.jobs = name, jobs


class Runner(Protocol):
    """Where shards are built: in processes of this machine, or on the nodes of a cluster."""

    @property
    def images_per_task(self) -> int | None:
        """How many images a Prefect task carries at least; None if one carries all."""
        ...

    def build(self, jobs: Iterable[Job], *, work: Work[Job, Receipt]) -> Generator[Receipt, None, None]: ...


def lots_of(jobs: Iterable[Job], *, images: int | None) -> Iterator[Lot[Job]]:
    """Group shards into lots of at least `images` images, the last one perhaps smaller; with None into one of all."""
    if images is None:
        # As they come: all at once, the names of millions of images would take gigabytes.
        yield Lot("0000", jobs)
        return
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


def build_shards_of(
    lot: Lot[Job], runner: Runner, *, work: Work[Job, Receipt], on_receipt: Callable[[Receipt], None]
) -> int:
    """Build the shards of `lot` by `work`, and hand on each receipt as it comes; return how many there were."""
    done = 0
    with closing(runner.build(lot.jobs, work=work)) as receipts:
        for receipt in receipts:
            on_receipt(receipt)
            done += 1
    return done
