"""Runs steps one after the other, each the flow of its job, and tells which one it is at."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from prefect import Flow, tags

from flows.build_word_maps import build_word_maps
from flows.deployment_guards import TAG
from flows.extract_features import extract_features
from flows.feature_job import FeatureJob
from flows.image_job import ImageJob
from flows.lines import say
from flows.make_pairs import make_pairs
from flows.pair_job import PairJob
from flows.part_steps import Step
from flows.prepare_images import prepare_images
from flows.restore_rows import restore_rows
from flows.restoring_job import RestoringJob
from flows.split_classes import split_classes
from flows.split_job import SplitJob
from flows.train_job import TrainJob
from flows.train_model import train_model
from flows.word_job import WordJob
from tasks.reports import report_steps

logger = logging.getLogger(__name__)


class Numbered(Protocol):
    """A published version of whatever kind."""

    @property
    def number(self) -> int: ...


class FlowOutcome(Protocol):
    """What the outcomes of all flows have."""

    @property
    def status(self) -> str: ...

    @property
    def version(self) -> Numbered: ...

    @property
    def card(self) -> Path: ...


FLOWS: Mapping[type, Flow[..., Any]] = MappingProxyType(
    {
        ImageJob: prepare_images,
        WordJob: build_word_maps,
        SplitJob: split_classes,
        PairJob: make_pairs,
        TrainJob: train_model,
        FeatureJob: extract_features,
        RestoringJob: restore_rows,
    }
)
"""The flow of each job."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How a step ended; `status` is "unchanged" where there was nothing to do."""

    title: str
    status: str
    version: int
    card: Path


def carried_out(name: str, steps: Sequence[Step]) -> tuple[StepOutcome, ...]:
    """Run the flows of the steps as subflows of the one that calls this; its pages show a table of that name."""
    outcomes = tuple(_carried_out(step, place, len(steps)) for place, step in enumerate(steps, start=1))
    # Numbers as text: Prefect rounds large ones.
    rows = [{"step": one.title, "status": one.status, "version": str(one.version)} for one in outcomes]
    report_steps(name, [row | {"card": str(one.card)} for row, one in zip(rows, outcomes, strict=True)])
    return outcomes


def _carried_out(step: Step, place: int, steps: int) -> StepOutcome:
    # Beside the bars of the steps: where in twenty minutes or two weeks one is.
    say(f"step {place} of {steps}: {step.title}", err=True)
    logger.info("step %d of %d: %s", place, steps, step.title)
    # So that the watch over silent runs (flows/deployment_guards.py) sees this one, too.
    with tags(TAG):
        outcome: FlowOutcome = FLOWS[type(step.job)].with_options(flow_run_name=step.title)(step.job)
    return StepOutcome(step.title, outcome.status, outcome.version.number, outcome.card)
