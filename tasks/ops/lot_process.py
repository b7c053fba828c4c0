"""The process on a node that builds one lot: `python -m tasks.ops.lot_process SCRATCH < order > answer`.

A process of its own, since Dask's cannot be what a builder needs: they run tasks in threads, where no alarm and no
memory limit can be set for one image, and where they are daemons, they may not have children.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from storage.durable import remove
from storage.errors import named_disk_errors
from storage.receipts import Receipt
from tasks.ops.lot_orders import LotAnswer, LotOrder
from tasks.ops.shard_pool import build_shards

TERMINATED = 128 + signal.SIGTERM


def fill_order(order: LotOrder, scratch: Path, *, on_receipt: Callable[[Receipt], None]) -> None:
    """Build the shards of `order` in a process, and hand on the receipts; half-built files lie in `scratch`.

    Raises:
        UnfitNode: this node is not what the run needs.
        DatasetError: whatever ends a run on one machine, too.
    """
    order.premises.require()
    # Not the run's own folder: a node that was thought lost may be at work on the same shard.
    with named_disk_errors(order.premises.folder.path, doing="a lot was begun"):
        scratch.mkdir()
    try:
        jobs = [replace(job, scratch=scratch) for job in order.jobs]
        for receipt in build_shards(jobs, workers=1, work=order.work):
            on_receipt(receipt)
    finally:
        remove(scratch)


def main() -> None:
    """Read the order, fill it, and answer."""
    signal.signal(signal.SIGTERM, _end)
    order: LotOrder = pickle.load(sys.stdin.buffer)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as file:
        # Whatever a library prints is no answer.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        answer = LotAnswer(file)
        try:
            fill_order(order, Path(sys.argv[1]), on_receipt=answer.add)
        except Exception as error:
            error.add_note(f"on the node {socket.gethostname()}:\n{traceback.format_exc()}")
            answer.end(error)
        else:
            answer.end(None)


def _end(number: int, frame: FrameType | None) -> None:
    # The pool and the scratch folder are cleared on the way out.
    sys.exit(TERMINATED)


if __name__ == "__main__":
    main()
