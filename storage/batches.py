"""Epochs of a version in random order, batch by batch, read ahead by threads.

Threads, not processes: reading a row is the kernel's copying, during which the interpreter is free, and what a
process has read would have to be copied once more.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.reading import OpenVersion
from storage.shuffling import epoch_order

THREADS = 2
AHEAD = 1
"""Batches that are being read, for each thread, while one is used."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a version: `images` `(n, side, side, 3)` uint8 RGB, `labels` `(n,)` int64, and `rows`, their numbers."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]


def random_batches(
    version: OpenVersion,
    side: int,
    *,
    size: int = 64,
    seed: int = 0,
    epoch: int = 0,
    rank: int = 0,
    world: int = 1,
    first: int = 0,
    threads: int = THREADS,
) -> Iterator[Batch]:
    """Yield each row of `version` once in the order of `epoch`, from batch number `first` on.

    The order is a pure function of `seed` and `epoch`; process `rank` of `world` gets its own part of it.

    Raises:
        DamagedDataset: rows are not what was published.
    """
    order = epoch_order(len(version), seed=seed, epoch=epoch, rank=rank, world=world)
    parts = [order[start : start + size] for start in range(first * size, len(order), size)]
    pixels, labels, memory = version.rows(side), version.labels, _ReusedMemory()

    def read(rows: NDArray[np.int64]) -> Batch:
        images = memory.array((len(rows), *pixels.shape[1:]))
        pixels.read_into(rows, images)
        return Batch(images, labels[rows], rows)

    with ThreadPoolExecutor(threads, thread_name_prefix="batches") as pool:
        under_way: deque[Future[Batch]] = deque()
        try:
            for rows in parts:
                under_way.append(pool.submit(read, rows))
                if len(under_way) > threads * AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for waiting in under_way:
                waiting.cancel()


class _ReusedMemory:
    """Memory of batches that nobody looks at any more, for those to come: new memory costs as much as reading rows."""

    def __init__(self) -> None:
        self._free: deque[bytearray] = deque()

    def array(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return an array of whatever was in its memory before."""
        wanted = int(np.prod(shape))
        memory = self._taken(wanted)
        # Every view of a view holds on to this one, since what is below it is no array.
        root = np.frombuffer(memory, np.uint8, wanted)
        weakref.finalize(root, self._free.append, memory)
        return root.reshape(shape)

    def _taken(self, wanted: int) -> bytearray:
        try:
            memory = self._free.pop()
        except IndexError:
            return bytearray(wanted)
        return memory if len(memory) >= wanted else bytearray(wanted)
