"""Which directory a training run takes: the one where an equal run was left, or a new one.

It is called `<asked>-<request>`, the first digits of two hashes: of the settings as they were given, and with the rows
that are current put in.
"""

from __future__ import annotations

from storage.durable import write_durably
from storage.layout import DatasetFolder
from storage.models import versions_of
from storage.run_directory import RunDirectory
from tasks.ops.training_commands import Description

_DIGITS = 12


def unfinished_run(folder: DatasetFolder, described: Description) -> RunDirectory | None:
    """Return the newest run of what was asked that was interrupted, or ended and was not registered.

    It goes on with the rows that it began with, even if there are newer ones: else a long run on data that grow every
    night would never get to its end. One that failed does not keep newer rows out.
    """
    registered = _registered_runs(folder)
    paths = [path for path in folder.runs.glob(f"{described.asked[:_DIGITS]}-*") if path.name not in registered]
    left = [run for run in map(RunDirectory, paths) if _is_left(run)]
    return max(left, key=_begun_at, default=None)


def failed_run(folder: DatasetFolder, described: Description) -> RunDirectory | None:
    """Return the newest run of this very request that failed: what it was lacking may be there now."""
    runs = map(RunDirectory, folder.runs.glob(f"{_name(described)}*"))
    return max(filter(_has_failed, runs), key=_begun_at, default=None)


def new_run(folder: DatasetFolder, described: Description) -> RunDirectory:
    """Return a directory in which nothing was learnt so far, with the settings of the run in it."""
    number, run = 1, RunDirectory(folder.runs / _name(described))
    while run.has_begun:
        number += 1
        run = RunDirectory(folder.runs / f"{_name(described)}-{number}")
    run.path.mkdir(parents=True, exist_ok=True)
    write_durably(run.config, described.config.encode())
    return run


def _name(described: Description) -> str:
    return f"{described.asked[:_DIGITS]}-{described.lineage.request[:_DIGITS]}"


def _begun_at(run: RunDirectory) -> float:
    return run.config.stat().st_mtime


def _registered_runs(folder: DatasetFolder) -> set[str]:
    return {value for version in versions_of(folder) for key, value in version.made_of if key == "run"}


def _is_left(run: RunDirectory) -> bool:
    return run.has_begun and not _has_failed(run)


def _has_failed(run: RunDirectory) -> bool:
    result = run.read_result()
    return run.has_begun and result is not None and result["state"] == "failed"
