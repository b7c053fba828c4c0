"""The one place where it is chosen on what shards are built."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from storage.layout import DatasetFolder
from storage.receipts import Receipt
from tasks.dask_cluster import DaskCluster, dask_client
from tasks.lots import Job, Runner
from tasks.ops.lot_orders import Premises
from tasks.ops.own_code import code_digest
from tasks.ops.pixel_libraries import Libraries
from tasks.ops.shard_pool import Work, build_shards

RunnerName = Literal["processes", "dask"]

IMAGES_PER_WORKER = 30_000
"""About a minute of work for a process, beside which the cost of a Prefect task is nothing."""


class Processes:
    """Builds shards in processes of this machine."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    @property
    def images_per_task(self) -> int:
        return IMAGES_PER_WORKER * self._workers

    def build(self, jobs: Iterable[Job], *, work: Work[Job, Receipt]) -> Generator[Receipt, None, None]:
        """Yield the receipt of each shard as it is done; errors are those of `build_shards`."""
        return build_shards(jobs, workers=self._workers, work=work)


@contextmanager
def shard_runner(
    name: RunnerName,
    *,
    workers: int,
    scheduler: str | None,
    folder: DatasetFolder,
    scratch: Path,
    reads: tuple[Path, ...],
    libraries: Libraries,
    images: int,
) -> Iterator[Runner]:
    """Give what builds the `images` images of one run in `folder`, whose nodes have to see the folders `reads`.

    Raises:
        NoCluster, UnfitNode: the cluster at the address `scheduler` cannot be used; nothing was begun.
    """
    # Where nothing is to be built, no cluster needs to be there.
    if name == "processes" or not images:
        yield Processes(workers)
        return
    premises = Premises(folder, scratch, reads, libraries, token=uuid.uuid4().hex, code=code_digest())
    premises.lay()
    with dask_client(scheduler, workers=workers) as client:
        cluster = DaskCluster(client, premises, images=images)
        if scheduler is not None:
            cluster.require_fit_nodes()
        yield cluster
