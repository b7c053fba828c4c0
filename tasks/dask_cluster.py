"""Builds shards on the nodes of a Dask cluster. The one place, beside tasks.ops.dask_node, that knows `distributed`."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, cast

from storage.errors import ShardCrashed
from storage.receipts import Receipt
from tasks.lots import Job, lots_of
from tasks.ops.dask_node import STOP_SECONDS, build_lot_here, look_around
from tasks.ops.lot_orders import Premises, packed, receipts_in
from tasks.ops.shard_building import build_shard
from tasks.ops.shard_pool import Work

if TYPE_CHECKING:
    # It takes a second, and is there only with the extra "dask".
    from distributed import Client, Future, LocalCluster

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
WORKER_SECONDS = 60.0
"""How long a run waits for the first worker of a cluster, and, when all are lost, for another one."""
WATCH_SECONDS = 2.0
LOTS_PER_THREAD = 4
"""So many lots at least for each thread, so that none waits long for the last of the others ..."""
LOT_IMAGES = 20_000
"""... and none of more than about a minute of work, which is what a lost node costs ..."""
SMALL_LOT_IMAGES = 1_000
"""... nor, if there are threads without any, of much less than 2 s: each lot starts two processes."""
QUEUED_PER_THREAD = 2
"""One lot at work and one in the queue."""


class NoCluster(Exception):
    """There is no Dask cluster to build on; nothing was begun."""


class ClusterLost(Exception):
    """The cluster was lost while shards were built; what has a receipt is kept."""


class DaskCluster:
    """A connected cluster, each of whose threads builds one lot at a time in one process; for one run."""

    images_per_task = None
    """One Prefect task takes all of the work: lots are Dask's tasks here."""

    def __init__(self, client: Client, premises: Premises, *, images: int, patience: float = WORKER_SECONDS) -> None:
        """Use `client` for about `images` images in all; without any worker it waits for `patience` seconds."""
        self._client, self._premises, self._images, self._patience = client, premises, images, patience
        self._ended: SimpleQueue[Future[bytes]] = SimpleQueue()
        self._nodes, self._watched_at = self._seen(), time.monotonic()
        self._deserted_at: float | None = None

    def require_fit_nodes(self) -> None:
        """Have each worker look for the run's folders and compare its libraries.

        Raises:
            UnfitNode: one of them would not build the same, or could not store it.
            NoCluster: one of them cannot run our code.
        """
        order = packed(self._premises, (), work=build_shard)
        # The types of Dask's dual functions promise a coroutine too; called from synchronous code it is none.
        told = self._client.run(look_around, order, str(self._premises.scratch), on_error="return")
        for node, answer in cast("dict[str, bytes | Exception]", told).items():
            if isinstance(answer, Exception):
                raise NoCluster(
                    f"the Dask worker {node} cannot run imagemill ({type(answer).__name__}: {answer}). Install the "
                    "same version of it on every node, or leave this node out"
                ) from answer
            list(receipts_in(answer))

    def build(self, jobs: Iterable[Job], *, work: Work[Job, Receipt]) -> Generator[Receipt, None, None]:
        """Build shards on the nodes; yield the receipts of each lot as it is done.

        Raises:
            ClusterLost: the scheduler is gone, or all workers are and none came.
            UnfitNode: a worker that came later cannot see the folders, or has other libraries.
            DatasetError: what ended the work on a node; errors there arrive as they are.
        """
        waiting = iter(jobs)
        running: set[Future[bytes]] = set()
        try:
            while True:
                running |= self._submitted(waiting, QUEUED_PER_THREAD * self._threads - len(running), work)
                if not running:
                    return
                if (answer := self._next_answer(running)) is not None:
                    yield from receipts_in(answer)
                if time.monotonic() - self._watched_at > WATCH_SECONDS:
                    self._watch_nodes()
        finally:
            if running:
                self._give_up(running)

    @property
    def images_per_lot(self) -> int:
        """How many images make a lot."""
        fair = self._images // self._threads
        return max(1, min(LOT_IMAGES, max(fair // LOTS_PER_THREAD, min(fair, SMALL_LOT_IMAGES))))

    @property
    def _threads(self) -> int:
        return max(1, sum(self._nodes.values()))

    def _submitted(self, waiting: Iterator[Job], count: int, work: Work[Job, Receipt]) -> set[Future[bytes]]:
        """Send `count` lots of the waiting shards to the cluster, fewer if there are no more."""
        submitted = set()
        for _ in range(count):
            # Anew for each lot: workers may have come.
            lot = next(lots_of(waiting, images=self.images_per_lot), None)
            if lot is None:
                break
            submitted.add(self._submit(packed(self._premises, lot.jobs, work=work)))
        return submitted

    def _submit(self, order: bytes) -> Future[bytes]:
        # A lot is an event, not a value: Dask must not take one for another of the same content.
        key = f"build-lot-{uuid.uuid4().hex}"
        lot = self._client.submit(build_lot_here, order, str(self._premises.scratch), key, key=key)
        lot.add_done_callback(self._ended.put)
        return lot

    def _next_answer(self, running: set[Future[bytes]]) -> bytes | None:
        """Take a lot that has ended, one way or the other, out of `running`; return its answer.

        None if there is none yet: it is time to look after the workers.
        """
        try:
            lot = self._ended.get(timeout=WATCH_SECONDS)
        except Empty:
            return None
        if (answer := _answer(lot)) is None:
            # The worker that had the answer is gone; the next one finds all receipts there, and answers soon.
            lot.add_done_callback(self._ended.put)
        else:
            # Let go of, or Dask would do it once more where its worker is lost later.
            running.remove(lot)
        return answer

    def _watch_nodes(self) -> None:
        with _losses_named():
            nodes = self._seen()
        if lost := self._nodes.keys() - nodes.keys():
            logger.warning("Dask workers are gone, their lots go to others: %s", ", ".join(sorted(lost)))
        if new := nodes.keys() - self._nodes.keys():
            logger.info("Dask workers have come: %s", ", ".join(sorted(new)))
        now = time.monotonic()
        self._nodes, self._watched_at = nodes, now
        self._deserted_at = None if nodes else self._deserted_at or now
        if self._deserted_at is not None and now - self._deserted_at > self._patience:
            raise ClusterLost(
                f"all workers of the Dask cluster are gone, and none came in {self._patience:.0f} s. What was "
                "finished is kept; start workers and run the same command again to continue"
            )

    def _seen(self) -> dict[str, int]:
        """Return the address and the number of threads of each worker."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return {address: worker["nthreads"] for address, worker in workers.items()}

    def _give_up(self, running: set[Future[bytes]]) -> None:
        """Cancel lots, and wait a little until the nodes have ended their processes and removed what was half built."""
        if self._client.status != "running":
            return
        self._client.cancel(list(running), force=True)
        scratch, give_up = self._premises.scratch, time.monotonic() + STOP_SECONDS
        while any(path.is_dir() for path in scratch.iterdir()) and time.monotonic() < give_up:
            time.sleep(0.05)


@contextmanager
def dask_client(scheduler: str | None, *, workers: int, patience: float = WORKER_SECONDS) -> Iterator[Client]:
    """Connect with the scheduler at an address, or start a cluster of `workers` threads for the length of the block.

    Raises:
        NoCluster: `distributed` is not installed, nobody answers there, or no worker comes in `patience` seconds.
    """
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise NoCluster(
            "the runner dask needs the package distributed, which is not installed. Run: pip install 'imagemill[dask]' "
            "(in a checkout: make develop), or leave --runner away"
        ) from error
    with ExitStack() as stack:
        if scheduler is None:
            cluster = stack.enter_context(_local_cluster(LocalCluster, workers))
            yield stack.enter_context(Client(cluster, set_as_default=False))
            return
        client = stack.enter_context(_connected(Client, scheduler, min(CONNECT_SECONDS, patience)))
        _require_worker(client, scheduler, patience)
        yield client


def _local_cluster(kind: type[LocalCluster], workers: int) -> LocalCluster:
    """Start a cluster in this process. Its threads do: each starts processes, and they cost a second less."""
    # With None its web servers would listen on every interface.
    here = "127.0.0.1:0"
    return kind(
        1,
        threads_per_worker=workers,
        processes=False,
        memory_limit=0,
        dashboard_address=here,
        worker_dashboard_address=here,
    )


def _connected(kind: type[Client], scheduler: str, patience: float) -> Client:
    try:
        return kind(scheduler, timeout=patience, set_as_default=False)
    except (OSError, ValueError) as error:
        told = str(error) or type(error).__name__
        raise NoCluster(
            f"no Dask scheduler answers at {scheduler} ({told}). Start one with `dask scheduler`, give the address "
            "that it prints as --dask-scheduler, or leave that away for a cluster on this machine"
        ) from error


def _require_worker(client: Client, scheduler: str, patience: float) -> None:
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError as error:
        raise NoCluster(
            f"the Dask scheduler at {scheduler} has no worker, and none came in {patience:.0f} s. Start some, on any "
            f"machine that sees the roots and the images: dask worker {scheduler}"
        ) from error


def _answer(lot: Future[bytes]) -> bytes | None:
    """Return what a node answered, None if that has been lost; raise what Dask or the node could not do."""
    from distributed.scheduler import KilledWorker

    try:
        with _losses_named():
            return lot.result(timeout=WATCH_SECONDS)
    except KilledWorker as error:
        raise ShardCrashed(
            f"several Dask workers died while they built the same lot, the last of them {error.last_worker}: look for "
            "too little memory there, or for a disk that fails, then run again"
        ) from error
    except TimeoutError:
        if lot.status == "error":
            raise
        return None


@contextmanager
def _losses_named() -> Iterator[None]:
    """Turn what Dask raises when the scheduler is gone into one sentence."""
    from concurrent.futures import CancelledError

    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CancelledError, CommClosedError) as error:
        told = str(error).splitlines() or [type(error).__name__]
        raise ClusterLost(
            f"the Dask scheduler was lost during the run ({told[0]}). What was finished is kept; run the same command "
            "again to continue"
        ) from error
