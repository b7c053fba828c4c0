"""Epochs of a version in random order, batch by batch, read ahead by threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.read_ahead import THREADS, ReusedMemory, read_ahead
from storage.reading import OpenVersion
from storage.shuffling import epoch_order


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
    pixels, labels, memory = version.rows(side), version.labels, ReusedMemory()

    def read(rows: NDArray[np.int64]) -> Batch:
        images = memory.array((len(rows), *pixels.shape[1:]))
        pixels.read_into(rows, images)
        return Batch(images, labels[rows], rows)

    yield from read_ahead(parts, read, threads=threads)
