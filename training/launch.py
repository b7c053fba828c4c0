"""One run from its command to its result: directory, locks, devices, the loop, and a reason where it fails."""

from __future__ import annotations

import logging
import time
import tomllib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from storage.durable import write_durably
from storage.run_directory import RunDirectory
from tasks.ops.exit_codes import ExitCode
from tasks.ops.file_locks import DeviceBusy, Patience, WaitStopped, file_lock
from tasks.ops.held_devices import LOCKS
from training.configuration import FREE, Configuration, differences
from training.device_lock import device_lock
from training.distributed import joined_world
from training.evaluation import evaluated
from training.exit_codes import code_of
from training.interruption import Interruption, interruption_by_signals
from training.lineages import gone_on, lineage_of
from training.loop import Outcome, train
from training.randomness import seed_all
from training.recipes import Recipe
from training.run_log import logged
from training.toml_text import toml_text

LOG = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class Launch:
    """A run to be carried out by this process, one of `size`, in a folder of its own, on `device`.

    Where another run has the folder or the device, it waits `wait_seconds` for them.
    """

    recipe: Recipe
    configuration: Configuration
    directory: RunDirectory
    device: torch.device
    rank: int = 0
    size: int = 1
    locks: Path = LOCKS
    wait_seconds: float = 0.0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @property
    def device_name(self) -> str:
        """The device as its maker calls it."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type


def carry_out(launch: Launch) -> ExitCode:
    """Train, from the newest checkpoint if there is one; write how it ended, and return the exit code for it."""
    launch.directory.path.mkdir(parents=True, exist_ok=True)
    # The result is written while the directory is held: who waits for it begins when it is let go of.
    with logged(launch.directory.log, rank=launch.rank), ExitStack() as held:
        interruption = held.enter_context(interruption_by_signals())
        try:
            _take_locks(launch, held, interruption)
        except (DeviceBusy, WaitStopped, KeyboardInterrupt) as error:
            # The directory, its result too, may belong to the run that is in the way.
            LOG.error("%s", error or "it was told twice to stop")
            return code_of(error)
        return _carried_out(launch, interruption)


def _take_locks(launch: Launch, held: ExitStack, interruption: Interruption) -> None:
    run = launch.directory.path
    give_up = time.monotonic() + launch.wait_seconds
    patience = Patience(give_up, is_stopped=lambda: interruption.is_requested, tell=LOG.info)
    if launch.is_first:
        held.enter_context(file_lock(launch.directory.lock, run, what=f"the run directory {run}", patience=patience))
    held.enter_context(device_lock(launch.device, run, locks=launch.locks, patience=patience))


def _carried_out(launch: Launch, interruption: Interruption) -> ExitCode:
    started = time.monotonic()
    try:
        if _is_done(launch):
            LOG.info("%s holds a finished run of these settings; nothing to do", launch.directory.path)
            return ExitCode.DONE
        _begin_directory(launch)
        outcome = _trained(launch, interruption)
        held_out = _held_out(launch, outcome)
        _write_outcome(launch, outcome, held_out, seconds=time.monotonic() - started)
        return ExitCode.DONE if outcome.state == "done" else ExitCode.INTERRUPTED
    except (Exception, KeyboardInterrupt) as error:
        return _failed(launch, error, seconds=time.monotonic() - started)


def _is_done(launch: Launch) -> bool:
    """Tell whether there is nothing to do.

    Raises:
        ValueError: the directory holds a run with other settings.
    """
    directory = launch.directory
    if directory.has_begun:
        former = tomllib.loads(directory.config.read_text())
        changed = differences(former, tomllib.loads(toml_text(launch.configuration.table)))
        problems = [sentence for key, sentence in changed.items() if key not in FREE]
        if problems:
            raise ValueError(
                f"{directory.path} holds a run with other settings: {'; '.join(problems)}. Use those of before, or "
                "another run directory"
            )
    return directory.is_done


def _begin_directory(launch: Launch) -> None:
    if launch.is_first:
        lineage = lineage_of(launch.recipe, launch.configuration, processes=launch.size, device=launch.device_name)
        former = launch.directory.read_lineage() if launch.directory.has_begun else None
        launch.directory.write_lineage(gone_on(lineage, former))
        write_durably(launch.directory.config, toml_text(launch.configuration.table).encode())
        # Until the run has ended again, nobody may take the last end for this one.
        launch.directory.result.unlink(missing_ok=True)


def _trained(launch: Launch, interruption: Interruption) -> Outcome:
    settings = launch.configuration.loop
    if settings.cpu_threads is not None:
        torch.set_num_threads(settings.cpu_threads)
    if launch.device.type == "cuda":
        torch.cuda.set_device(launch.device)
    # What the run holds is closed before the finished model is measured: the others are done by then.
    with ExitStack() as resources:
        world = resources.enter_context(joined_world(launch.rank, launch.size, launch.device))
        seed_all(settings.seed, rank=launch.rank)
        run = launch.recipe.make_run(launch.configuration.recipe, world=world, seed=settings.seed, resources=resources)
        return train(run, launch.directory, world=world, settings=settings, interruption=interruption)


def _held_out(launch: Launch, outcome: Outcome) -> dict[str, Any] | None:
    """Return what the finished model reaches on held-out rows, None where it is not finished or not to be measured."""
    weights, can_measure = launch.directory.weights, launch.recipe.evaluate is not None
    if not (launch.is_first and can_measure and outcome.state == "done" and weights.exists()):
        return None
    own = launch.configuration
    return evaluated(launch.recipe, own, weights, rows=own, device=launch.device)


def _write_outcome(launch: Launch, outcome: Outcome, held_out: dict[str, Any] | None, *, seconds: float) -> None:
    if launch.is_first:
        found = {"state": outcome.state, "reason": outcome.reason, "steps": outcome.steps, "metrics": outcome.metrics}
        launch.directory.write_result(found | {"held_out": held_out} | _circumstances(launch, seconds))
    LOG.info("%s after step %d%s", outcome.state, outcome.steps, f": {outcome.reason}" if outcome.reason else "")


def _failed(launch: Launch, error: BaseException, *, seconds: float) -> ExitCode:
    code = code_of(error)
    state = "preempted" if code == ExitCode.INTERRUPTED else "failed"
    reason = str(error) if not isinstance(error, KeyboardInterrupt) else "it was told twice to stop"
    found = {"state": state, "reason": reason or type(error).__name__, "error": type(error).__name__}
    # Of several processes the first to fail knows why; the others only notice that it is gone.
    launch.directory.write_result(found | _circumstances(launch, seconds))
    LOG.error("%s: %s", state, found["reason"])
    LOG.log(logging.DEBUG if launch.is_first else logging.WARNING, "the traceback:", exc_info=error)
    return code


def _circumstances(launch: Launch, seconds: float) -> dict[str, Any]:
    on_gpu = launch.device.type == "cuda"
    peak = {"peak_memory_bytes": torch.cuda.max_memory_allocated(launch.device)} if on_gpu else {}
    return {"recipe": launch.recipe.name, "seconds": round(seconds, 3), "processes": launch.size, **peak}
