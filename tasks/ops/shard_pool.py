"""Builds shards on a pool of processes, and outlives the death of any of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from queue import Empty
from typing import Any, ClassVar, Protocol, TypeVar

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from storage.errors import ShardCrashed
from storage.layout import DatasetFolder
from tasks.ops.shard_building import DecodingGuard
from tasks.ops.worker_guard import DECODE_SECONDS, JournalGuard, blamed_position, limit_worker

QUEUED_PER_WORKER = 2
"""One shard at work and one in the queue: enough to keep a worker busy, and little to throw away on Ctrl-C."""

DEATHS_OF_AN_IMAGE = 2
"""So many deaths of workers while they decoded the same image are its fault."""

UNEXPLAINED_DEATHS = 2
"""So many deaths of workers outside of decoding end the run."""


def default_workers() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


class OfShard(Protocol):
    """What became of one shard."""

    @property
    def key(self) -> str: ...


class PoolJob(Protocol):
    """What the pool must know of the job of one shard, which is a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> str: ...

    @property
    def folder(self) -> DatasetFolder: ...

    @property
    def scratch(self) -> Path: ...

    @property
    def crashed(self) -> dict[int, str]: ...


Job = TypeVar("Job", bound=PoolJob)
Result = TypeVar("Result", bound=OfShard)
Work = Callable[[Job, DecodingGuard], Result]


def build_shards(jobs: Iterable[Job], *, workers: int, work: Work[Job, Result]) -> Generator[Result, None, None]:
    """Build shards in `workers` processes; yield what `work` returns, the receipt of each, as it is done.

    When a worker dies the pool is made anew. Each shard that was decoding then is built alone, so that a second
    death is surely its own: the image that it was decoding is refused as `crashed`, and the others go on.

    Raises:
        ShardCrashed: workers died while they wrote; no image is to blame.
    """
    pending = {job.key: job for job in jobs}
    unexplained = 0
    while pending:
        try:
            for result in _on_pool(list(pending.values()), workers, work):
                del pending[result.key]
                yield result
        except TerminatedWorkerError as error:
            suspects = [job for job in pending.values() if blamed_position(_journal(job)) is not None]
            for job in suspects:
                yield _build_alone(pending.pop(job.key), work)
            unexplained += not suspects
            if unexplained == UNEXPLAINED_DEATHS:
                raise _crashed(next(iter(pending.values())), error) from error


def _build_alone(job: Job, work: Work[Job, Result]) -> Result:
    deaths = Counter([blamed_position(_journal(job))])
    unexplained = 0
    while True:
        try:
            return next(_on_pool([job], 1, work))
        except TerminatedWorkerError as error:
            position = blamed_position(_journal(job))
            if position is not None:
                deaths[position] += 1
                if deaths[position] == DEATHS_OF_AN_IMAGE:
                    job = replace(job, crashed={**job.crashed, position: _cause(error)})
                continue
            unexplained += 1
            if unexplained == UNEXPLAINED_DEATHS:
                raise _crashed(job, error) from error


def _on_pool(jobs: list[Job], workers: int, work: Work[Job, Result]) -> Iterator[Result]:
    # A pool of one is another process too: only that may be killed.
    pool = ProcessPoolExecutor(max_workers=workers, initializer=limit_worker, initargs=(os.getpid(),))
    waiting, is_done = iter(jobs), False
    try:
        running = {pool.submit(_work, work, job) for job in islice(waiting, QUEUED_PER_WORKER * workers)}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(_work, work, job) for job in islice(waiting, len(finished))}
            for future in finished:
                yield future.result()
        is_done = True
    finally:
        if not is_done:
            _forget_queued(pool)
        # Interrupted, the workers end at once: what has no receipt is built again by the next run.
        pool.shutdown(wait=True, kill_workers=not is_done)


def _forget_queued(pool: ProcessPoolExecutor) -> None:
    """Empty the queue in front of the workers: shut down, loky's thread dies of a KeyError on what is left in it."""
    with suppress(Empty):
        while True:
            pool._work_ids.get_nowait()


def _work(work: Work[Job, Result], job: Job) -> Result:
    return work(job, JournalGuard(_journal(job)))


def _journal(job: PoolJob) -> Path:
    return job.scratch / f"{job.key}.decoding"


def _cause(error: TerminatedWorkerError) -> str:
    if "SIGALRM" in str(error):
        return f"took more than {DECODE_SECONDS} s"
    return "ended the worker process twice"


def _crashed(job: PoolJob, error: TerminatedWorkerError) -> ShardCrashed:
    return ShardCrashed(
        f"worker processes died while they wrote shards of {job.folder.path} ({' '.join(str(error).split())}): "
        "look for a full or failing disk or too little memory, then run again"
    )
