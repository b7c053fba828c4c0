"""The three things that the training process is asked: what a run would be, to train, to measure a model."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from storage.json_text import NotDecoded, decoded
from storage.lineage import Lineage
from storage.models import HeldOutFigures
from storage.run_directory import RunDirectory
from tasks.ops.exit_codes import ExitCode
from tasks.ops.training_process import (
    TrainingFailed,
    TrainingPreempted,
    TrainingProcess,
    training_process,
)

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What a person asked to be trained: a recipe, a file of settings, `key=value`, roots, and on what.

    `device_wait` is for how many seconds it may wait for a device, or a run directory, that another run holds.
    """

    recipe: str
    config: Path | None
    settings: tuple[str, ...]
    slow: Path
    fast: Path
    device: str = "auto"
    processes: int = 1
    device_wait: int = 0

    @property
    def arguments(self) -> list[str]:
        """Return what decides the run, as arguments of the training process."""
        file = ["--config", str(self.config)] if self.config else []
        roots = ["--slow", str(self.slow), "--fast", str(self.fast), "--device", self.device]
        return [self.recipe, *self.settings, *file, *roots]

    @property
    def device_arguments(self) -> list[str]:
        """Return on what it is trained, and how long it waits for that: nothing that decides the run."""
        return ["--device", self.device, "--wait-for-device", str(self.device_wait)]


@dataclass(frozen=True, slots=True)
class Description:
    """What a run would be: the hash of what was asked, its settings as TOML, and what it would be made of."""

    asked: str
    config: str
    lineage: Lineage


def described(order: TrainingOrder) -> Description:
    """Return what a run would be; nothing is trained.

    Raises:
        TrainingFailed: settings are wrong, or what they name is not there.
    """
    with training_process(["describe", *order.arguments, "--processes", str(order.processes)]) as process:
        code = process.wait()
        output = process.output()
        if code != 0:
            raise short_failure(process, code)
    try:
        # A recipe that prints something prints it before.
        return decoded(output.strip().rpartition(b"\n")[2], Description)
    except NotDecoded as error:
        raise TrainingFailed(
            f"the recipe {order.recipe} was not described as expected: {error}", exit_code=1
        ) from error


def trained(order: TrainingOrder, run: RunDirectory, *, on_poll: Callable[[], None]) -> None:
    """Train in the directory of a run, which holds its settings, from its last checkpoint if there is one.

    `on_poll` is called twice a second.

    Raises:
        TrainingFailed: it failed; the message has the reason.
        TrainingPreempted: somebody else stopped it, after a checkpoint.
    """
    before = run.read_result()
    arguments = [order.recipe, "--config", str(run.config), "--run-dir", str(run.path), *order.device_arguments]
    with training_process(arguments, processes=order.processes) as process:
        while (code := process.wait(POLL_SECONDS)) is None:
            on_poll()
        on_poll()
        if code != 0:
            raise _failure(run, process, code, is_old=run.read_result() == before)


def measured(order: TrainingOrder, weights: Path, config: Path, *, rows: Path, out: Path) -> HeldOutFigures:
    """Return what a finished model reaches on the held-out rows of the settings in the file `rows`.

    Raises:
        TrainingFailed: it cannot be measured there.
    """
    files = ["--weights", str(weights), "--config", str(config), "--rows", str(rows), "--out", str(out)]
    with training_process(["evaluate", order.recipe, *files, *order.device_arguments]) as process:
        code = process.wait()
        if code != 0:
            raise short_failure(process, code)
    return decoded(out.read_bytes(), HeldOutFigures)


def short_failure(process: TrainingProcess, code: int | None) -> TrainingFailed:
    """Return the error for a process that has no run directory to tell in."""
    assert code is not None
    return TrainingFailed(process.last_words() or _signal_text(code), exit_code=max(code, 1))


def _failure(run: RunDirectory, process: TrainingProcess, code: int, *, is_old: bool) -> Exception:
    """Return the error for a run that ended with `code`: its own reason, where it could still write one."""
    if code == ExitCode.LOCKED:
        # A result that came meanwhile is that of the run which was in the way.
        return short_failure(process, code)
    result = None if is_old else run.read_result()
    reason = (result or {}).get("reason") or process.last_words() or _signal_text(code)
    # torchrun has exit codes of its own; the run tells what became of it.
    if code == ExitCode.INTERRUPTED or (result is not None and result["state"] == "preempted"):
        return TrainingPreempted(f"{reason}; its checkpoint is in {run.path}" if run.has_checkpoint else reason)
    if code < 0 and result is None:
        reason = (
            f"the training process was ended by {_signal_text(code)}, for lack of memory perhaps (the kernel's log "
            "tells). Its checkpoints are kept: run the same command again, with a smaller batch_size if it was memory"
        )
    return TrainingFailed(f"{reason}. See {run.log}", exit_code=max(code, 1))


def _signal_text(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
