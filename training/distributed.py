"""One run in several processes, each with its own device and its own rows.

Gradients are averaged here, after the backward pass, and not by `DistributedDataParallel`: that one has to be told
anew whenever layers are frozen, does not know second derivatives (a gradient penalty), and wants every network called
through a wrapper. What it has over this is that it sends while it still computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

BUCKET_NUMBERS = 16_000_000
"""Gradients that travel together: enough that the wire is busy, and little memory beside the network."""


@dataclass(frozen=True, slots=True)
class World:
    """This process among those of the run, `rank` of `size`, and the device it computes on."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Tell whether this is the process that writes files."""
        return self.rank == 0

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the processes; they have the same shapes everywhere."""
        if self.size == 1:
            return
        for bucket in _buckets(list(tensors)):
            joined = torch.cat([tensor.reshape(-1) for tensor in bucket])
            dist.all_reduce(joined)
            joined /= self.size
            for tensor, mean in zip(bucket, joined.split([tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over the processes."""
        total = values.clone()
        if self.size > 1:
            dist.all_reduce(total)
        return total

    def any(self, flag: bool) -> bool:
        """Tell whether `flag` is set in any process; all have to ask."""
        return flag if self.size == 1 else bool(self.sum(torch.tensor(float(flag), device=self.device)).item())

    def gathered(self, value: Any) -> list[Any]:
        """Return what each process gave, in the order of ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def share(self, *networks: nn.Module) -> None:
        """Give every process the parameters and buffers of the first.

        At the start, since each process drew its own; and before validating with batch norm, whose running statistics
        are of the rows that a process saw.
        """
        if self.size > 1:
            for network in networks:
                for tensor in (*network.parameters(), *network.buffers()):
                    dist.broadcast(tensor.detach(), src=0)

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def joined_world(rank: int, size: int, device: torch.device) -> Iterator[World]:
    """Join the processes that torchrun started; one that is alone joins nobody."""
    if size > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=size)
    try:
        yield World(rank, size, device)
    finally:
        if size > 1:
            dist.destroy_process_group()


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Yield the tensors in groups of one type and of about `BUCKET_NUMBERS` numbers."""
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        bucket: list[Tensor] = []
        for tensor in tensors:
            if tensor.dtype != dtype:
                continue
            bucket.append(tensor)
            if sum(each.numel() for each in bucket) >= BUCKET_NUMBERS:
                yield bucket
                bucket = []
        if bucket:
            yield bucket
