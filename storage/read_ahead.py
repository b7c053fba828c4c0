"""Reading ahead by threads, into memory that is used again.

Threads, not processes: reading a row is the kernel's copying, during which the interpreter is free, and what a
process has read would have to be copied once more.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

THREADS = 2
AHEAD = 1
"""Batches that are being read, for each thread, while one is used."""

Part = TypeVar("Part")
Read = TypeVar("Read")


def read_ahead(parts: Iterable[Part], read: Callable[[Part], Read], *, threads: int) -> Generator[Read, None, None]:
    """Yield what `read` makes of each of `parts`, in their order; they may be without end."""
    with ThreadPoolExecutor(threads, thread_name_prefix="batches") as pool:
        under_way: deque[Future[Read]] = deque()
        try:
            for part in parts:
                under_way.append(pool.submit(read, part))
                if len(under_way) > threads * AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for waiting in under_way:
                waiting.cancel()


class ReusedMemory:
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
