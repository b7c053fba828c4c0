"""Rows as batches of tensors: read ahead by threads, augmented, pinned, in an order that any run can take up anywhere.

The order is a pure function of seed and epoch, what is done to a row one of seed, epoch and row. Processes share an
epoch without overlap or loss, each with as many batches as every other, so that none waits for ever.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from storage.read_ahead import THREADS, read_ahead
from storage.shuffling import epoch_order
from training.augmentation import Augmentation, is_images
from training.distributed import World
from training.draws import Draws
from training.sources import Source


@dataclass(frozen=True, slots=True)
class Batch:
    """Arrays of rows by name, images as `(B, 3, h, w)` uint8, channels last in memory; `rows` are their numbers."""

    arrays: Mapping[str, Tensor]
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Tensor:
        return self.arrays[name]

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device; from pinned memory the copy goes on while the program does."""
        moved = {name: array.to(device, non_blocking=True) for name, array in self.arrays.items()}
        return Batch(moved, self.rows)

    def parts(self, count: int) -> list[Batch]:
        """Return the batch in at most `count` parts of nearly equal size, none of them empty."""
        bounds = np.linspace(0, len(self), min(count, len(self)) + 1).round().astype(int).tolist()
        return [
            Batch({name: array[start:stop] for name, array in self.arrays.items()}, self.rows[start:stop])
            for start, stop in pairwise(bounds)
        ]


def unit_range(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]."""
    return images.float() / 255


@dataclass(frozen=True, slots=True)
class RandomBatches:
    """Each row once an epoch in random order, `size` at a time in each process: what `training.steps.Reader` asks for.

    The last batch of an epoch is smaller, or larger by one row where that saves a process from having none; with
    `last="dropped"` there are whole batches only.
    """

    source: Source
    size: int
    seed: int
    world: World
    augmentation: Augmentation | None = None
    last: Literal["kept", "dropped"] = "kept"
    threads: int = THREADS

    def __post_init__(self) -> None:
        if self.size < 1 or self.threads < 1:
            raise ValueError(f"a batch has at least 1 row, read by 1 thread, got {self.size} and {self.threads}")

    def __len__(self) -> int:
        least = len(self.source) // self.world.size
        return least // self.size if self.last == "dropped" else -(-least // self.size)

    def batches(self, epoch: int, first: int) -> Generator[Batch, None, None]:
        """Yield the batches from number `first` of `epoch` on, and on through the epochs after it, without end."""
        return read_ahead(self._parts(epoch, first), self._read, threads=self.threads)

    def of_epoch(self, epoch: int, *, first: int = 0, every: int = 1) -> Generator[Batch, None, None]:
        """Yield the batches of one epoch from number `first` on, or every so many of them."""
        parts = ((epoch, rows) for rows in self.rows_of(epoch)[first::every])
        return read_ahead(parts, self._read, threads=self.threads)

    def rows_of(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the rows of each batch of this process in `epoch`."""
        mine = epoch_order(len(self.source), seed=self.seed, epoch=epoch)[self.world.rank :: self.world.size]
        batches = [mine[number * self.size : (number + 1) * self.size] for number in range(len(self))]
        if self.last == "kept" and batches:
            batches[-1] = mine[(len(self) - 1) * self.size :]
        return batches

    def _parts(self, epoch: int, first: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
        while len(self):
            yield from ((epoch, rows) for rows in self.rows_of(epoch)[first:])
            epoch, first = epoch + 1, 0

    def _read(self, part: tuple[int, NDArray[np.int64]]) -> Batch:
        epoch, rows = part
        arrays = _tensors(self.source, rows)
        if self.augmentation is not None:
            arrays = self.augmentation(arrays, Draws(self.seed, epoch, rows))
        return _batch(arrays, rows, self.world)


def batches_in_order(
    source: Source, size: int, *, world: World, threads: int = THREADS
) -> Generator[Batch, None, None]:
    """Yield each row once, in the order of rows, those of this process: every `world.size`-th. For validation."""
    mine = np.arange(len(source))[world.rank :: world.size]
    parts = [mine[start : start + size] for start in range(0, len(mine), size)]
    return read_ahead(parts, lambda rows: _batch(_tensors(source, rows), rows, world), threads=threads)


class EpochDataset(IterableDataset[Batch]):
    """The batches of one epoch for torch's `DataLoader(…, batch_size=None)`, in the same order with any workers.

    The loop needs none: for rows that are ready, worker processes cost three to four times what threads do.
    """

    def __init__(self, reader: RandomBatches, *, epoch: int = 0, first: int = 0) -> None:
        self._reader, self._epoch, self._first = reader, epoch, first

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number, count = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return self._reader.of_epoch(self._epoch, first=self._first + number, every=count)

    def __len__(self) -> int:
        return max(0, len(self._reader) - self._first)


def _tensors(source: Source, rows: NDArray[np.int64]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in source.read(rows).items()}


def _batch(arrays: Mapping[str, Tensor], rows: NDArray[np.int64], world: World) -> Batch:
    """Return rows as a batch; their images keep their places in memory, which is what channels last means."""
    if world.device.type == "cuda":
        arrays = {name: array.pin_memory() for name, array in arrays.items()}
    turned = {name: array.permute(0, 3, 1, 2) if is_images(array) else array for name, array in arrays.items()}
    return Batch(turned, torch.from_numpy(rows))
