"""The device that a process computes on, by the name that a person gives it."""

from __future__ import annotations

import torch


def device_named(name: str, *, local_rank: int) -> torch.device:
    """Return the device of that name; with "auto" or "cuda", each process of this machine has a GPU of its own.

    Raises:
        ValueError: there is no such device.
    """
    there = torch.cuda.device_count()
    if name == "cpu" or (name == "auto" and not there):
        return torch.device("cpu")
    try:
        device = torch.device("cuda" if name == "auto" else name)
    except RuntimeError as error:
        raise ValueError(f"there is no device {name!r}; name auto, cpu, cuda or cuda:N") from error
    device = torch.device(device.type, local_rank if device.index is None else device.index)
    if device.type == "cuda" and device.index >= there:
        raise ValueError(f"there is no device {device}; this machine shows {there} GPUs")
    return device
