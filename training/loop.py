"""The loop. It knows phases, batches and what is due after a step; what is learnt, and how, only the recipe knows."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sized
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from storage.run_directory import RunDirectory
from training.agenda import Agenda
from training.checkpoints import Checkpoints
from training.distributed import World
from training.interruption import Interruption
from training.journal import Journal
from training.loop_settings import LoopSettings
from training.memory import named_memory_errors
from training.phases import sentence_of
from training.progress import Progress
from training.run_state import resumed, save_state
from training.steps import Run
from training.timetable import Stretch, laid_out

LOG = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, after how many steps, with which figures of its last validation, and why if not as planned."""

    state: Literal["done", "preempted"]
    steps: int
    metrics: dict[str, float]
    reason: str | None = None


def train(
    run: Run, directory: RunDirectory, *, world: World, settings: LoopSettings, interruption: Interruption
) -> Outcome:
    """Drive `run` from the newest checkpoint in its directory to the end of its phases, or until it is interrupted.

    Raises:
        Diverged: the loss is no number any more.
        ValueError: the phases do not fit the network or the data, or the checkpoint does not fit the run.
    """
    stretches = laid_out(run.phases, lambda phase: len(run.train(phase)))
    checkpoints = Checkpoints(directory.checkpoints, settings.keep_checkpoints)
    progress = resumed(checkpoints, run, stretches, world=world)
    agenda = Agenda(settings, stretches, world=world, interruption=interruption)
    journal = Journal(directory, world)
    journal.begin(progress, stretches)

    for stretch in stretches:
        if progress.steps == stretch.first:
            LOG.info("phase %d: %s", stretch.number, sentence_of(stretch.phase))
            run.step.begin_phase(stretch.phase)
        for batch in _batches(run, stretch, progress, journal):
            with named_memory_errors(rows=len(batch)):
                losses = run.step.train_batch(batch, stretch.rates(progress.steps))
            progress.add(losses, rows=len(batch))
            if progress.is_diverged(losses, stretch.phase, world=world):
                journal.report(progress, stretch)
                return Outcome("done", progress.steps, progress.metrics, reason=_divergence(progress, stretch))

            due = agenda.after(progress.steps, stretch)
            if due.report:
                journal.report(progress, stretch)
            if due.validation:
                journal.validated(progress, stretch, run.step.validate(run.valid(stretch.phase)))
            if due.checkpoint:
                directory.sync_metrics()
                save_state(checkpoints, run, progress, stretch, world=world)
            if due.stop:
                return Outcome("preempted", progress.steps, progress.metrics, reason="it was asked to stop")
    journal.finished(run.step.weights())
    return Outcome("done", progress.steps, progress.metrics)


def _batches(run: Run, stretch: Stretch, progress: Progress, journal: Journal) -> Iterator[Sized]:
    """Yield the batches of what is left of a stretch; count the time they are waited for."""
    place = stretch.place(progress.steps)
    with closing(run.train(stretch.phase).batches(place.epoch, place.batch)) as batches:
        while progress.steps < stretch.stop:
            asked = time.monotonic()
            batch = next(batches)
            journal.waited(time.monotonic() - asked)
            yield batch


def _divergence(progress: Progress, stretch: Stretch) -> str:
    factor, number = stretch.phase.divergence, stretch.number
    return f"phase {number} ends when its loss diverges: above {factor:g} times its best after step {progress.steps}"
