"""Random epochs of one of our datasets: `python -m benchmarks.our_reader SLOW FAST DATASET EPOCHS [--check]`.

Prints what `benchmarks.peers.readers` prints of the others.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.readers import BATCH, WORKERS, forget_pages, timed_epochs
from storage import Tiers, open_version
from storage.batches import random_batches


def main() -> None:
    slow, fast, dataset, epochs, *flags = sys.argv[1:]
    tiers = Tiers(Path(slow), Path(fast))
    with open_version(tiers, dataset, access="random", check="--check" in flags) as version:

        def read(epoch: int) -> Iterator[NDArray[np.uint8]]:
            for batch in random_batches(version, 224, size=BATCH, epoch=epoch, threads=WORKERS):
                yield batch.images

        print(json.dumps(timed_epochs(read, int(epochs), lambda: forget_pages(tiers.fast))))


if __name__ == "__main__":
    main()
