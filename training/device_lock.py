"""One training process on a GPU at a time, whoever started it."""

from __future__ import annotations

import argparse
import errno
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from tasks.ops.file_locks import AT_ONCE, Patience, file_lock
from tasks.ops.held_devices import LOCKS, device_file, device_name
from training.interruption import Interruption


def add_lock_options(parser: argparse.ArgumentParser) -> None:
    """Add to a parser where the locks of GPUs are, and how long to wait for one."""
    parser.add_argument("--locks", type=Path, default=LOCKS, help="folder of the locks of GPUs (default: %(default)s)")
    parser.add_argument(
        "--wait-for-device",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for a GPU, or a run directory, that another run holds (default: %(default)g)",
    )


def patience_of(options: argparse.Namespace, interruption: Interruption | None = None) -> Patience:
    """Return the patience that a command line asks for, which begins now, and ends with an interruption."""
    return Patience(
        time.monotonic() + options.wait_for_device,
        is_stopped=lambda: interruption is not None and interruption.is_requested,
        tell=lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )


@contextmanager
def device_lock(
    device: torch.device, run: Path, *, locks: Path = LOCKS, patience: Patience = AT_ONCE
) -> Iterator[None]:
    """Hold the GPU for the run in the folder `run`; a CPU is for all.

    Raises:
        DeviceBusy: another process trains on it, and patience is at its end.
        WaitStopped: the run was told to stop while it waited.
    """
    if device.type != "cuda":
        yield
        return
    name = _name(device)
    with file_lock(device_file(_shared(locks), name), run, what=f"the GPU {name} ({device})", patience=patience):
        yield


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more, got {text}")
    return seconds


def _shared(folder: Path) -> Path:
    """Return the folder of locks, made so that everybody may add to it and nobody remove what others added."""
    try:
        folder.mkdir(parents=True)
        folder.chmod(0o1777)
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir():
            raise OSError(errno.ENOTDIR, "the folder of device locks is no folder; name another one", folder) from None
    return folder


def _name(device: torch.device) -> str:
    index = torch.cuda.current_device() if device.index is None else device.index
    return device_name(getattr(torch.cuda.get_device_properties(index), "uuid", index))
