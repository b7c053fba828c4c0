"""A log file for each run below the dataset, and beside it, when the run failed, why: for programs that watch."""

from __future__ import annotations

import json
import logging
import os
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.exit_codes import exit_code_of
from flows.own_loggers import OUR_PACKAGES
from storage.durable import write_durably
from storage.errors import DatasetError
from storage.layout import DatasetFolder

logger = logging.getLogger(__name__)

KEPT_RUNS = 100
"""So many runs leave their logs; older ones are deleted."""


@contextmanager
def run_log(folder: DatasetFolder, command: str) -> Iterator[Path]:
    """Log what the block does to `logs/<time>-<pid>.log`; yield that path.

    When the block raises, `logs/<time>-<pid>.failure.json` says what, where and what to do.
    """
    folder.logs.mkdir(parents=True, exist_ok=True)
    _forget_old_runs(folder.logs)
    log = folder.logs / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    handler = logging.FileHandler(log, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    levels = {name: logging.getLogger(name).level for name in OUR_PACKAGES}
    for name in OUR_PACKAGES:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        logger.info("%s of %s began, process %d on %s", command, folder.path, os.getpid(), socket.gethostname())
        yield log
        logger.info("%s of %s is done", command, folder.path)
    except BaseException as error:
        logger.error("%s of %s failed: %s", command, folder.path, error)
        _write_failure(log.with_suffix(".failure.json"), folder, command, error)
        raise
    finally:
        for name, level in levels.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)
        handler.close()


def failure_facts(folder: DatasetFolder, command: str, error: BaseException) -> dict[str, Any]:
    """Return what a program needs to know of a failed run; docs/formats.md lists the fields."""
    code = exit_code_of(error)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "dataset": folder.name,
        "error": type(error).__name__,
        "message": str(error) or type(error).__name__,
        "exit_code": None if code is None else int(code),
        "path": None,
        "need": None,
        "have": None,
        "remedy": None,
        **(error.facts if isinstance(error, DatasetError) else {}),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "traceback": traceback.format_exception(error),
    }


def _write_failure(path: Path, folder: DatasetFolder, command: str, error: BaseException) -> None:
    content = json.dumps(failure_facts(folder, command, error), indent=2).encode("utf-8") + b"\n"
    try:
        write_durably(path, content)
    except OSError as second:
        # The first error is the one to tell: the disk may be full, which is why the run failed.
        logger.warning("%s could not be written: %s", path, second)


def _forget_old_runs(logs: Path) -> None:
    for log in sorted(logs.glob("*.log"))[:-KEPT_RUNS]:
        log.unlink(missing_ok=True)
        log.with_suffix(".failure.json").unlink(missing_ok=True)
