"""What a run tells: to the terminal in short, to `log.txt` with times, warnings and tracebacks."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG = logging.getLogger("training")
_WARNINGS = logging.getLogger("py.warnings")


@contextmanager
def logged(path: Path, *, rank: int) -> Iterator[None]:
    """Send what is logged to the terminal and to a file; but of several processes only the first tells all."""
    file, terminal = logging.FileHandler(path), logging.StreamHandler(sys.stderr)
    file.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s [{rank}] %(message)s"))
    file.setLevel(logging.DEBUG if rank == 0 else logging.WARNING)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    terminal.setLevel(logging.INFO if rank == 0 else logging.WARNING)
    former = LOG.level
    LOG.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    for logger in (LOG, _WARNINGS):
        logger.addHandler(file)
        logger.addHandler(terminal)
    try:
        yield
    finally:
        for logger in (LOG, _WARNINGS):
            logger.removeHandler(file)
            logger.removeHandler(terminal)
        logging.captureWarnings(False)
        LOG.setLevel(former)
        file.close()
