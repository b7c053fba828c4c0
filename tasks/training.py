"""Training as Prefect tasks: describe, train, register, decide, report."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from storage.bundles import Bundle
from storage.layout import DatasetFolder
from storage.models import HeldOutFigures, model_name, open_model
from storage.promotions import Promotion
from storage.registration import register
from storage.run_directory import RunDirectory
from storage.tiers import Tiers
from tasks.ops.finished_runs import finished_run, model_facts
from tasks.ops.model_card import model_card
from tasks.ops.model_report import promotion_text
from tasks.ops.promotion import decide
from tasks.ops.training_commands import Description, TrainingOrder, described, measured, trained
from tasks.ops.training_process import TrainingPreempted
from tasks.progress import artifact_key
from tasks.training_progress import TrainingProgress

logger = logging.getLogger(__name__)


@task(name="describe-run", cache_policy=NO_CACHE)
def describe_run(order: TrainingOrder) -> Description:
    """Ask the training process what a run of these settings would be."""
    return described(order)


def is_preempted(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:
    """Tell whether a run was stopped by somebody else: then it goes on, and any other failure stays one."""
    return isinstance(state.result(raise_on_failure=False), TrainingPreempted)


@task(name="train-run", cache_policy=NO_CACHE, retry_condition_fn=is_preempted, retry_delay_seconds=2)
def train_run(order: TrainingOrder, run: RunDirectory, *, model: str, decides: str | None) -> None:
    """Train in the directory of a run, from its last checkpoint; called again after a preemption, it goes on."""
    with TrainingProgress(model, run, decides=decides) as progress:
        trained(order, run, on_poll=progress.show)


@task(name="register-run", cache_policy=NO_CACHE)
def register_run(folder: DatasetFolder, run: RunDirectory, scratch: Path) -> Bundle:
    """Publish what a finished run left as the next version of its model."""
    finished = finished_run(run)
    name = model_name(folder)
    return register(
        folder,
        run,
        request=finished.lineage.request,
        made_of=model_facts(finished),
        card=lambda number: model_card(name, number, finished),
        scratch=scratch,
    )


@task(name="decide-promotion", cache_policy=NO_CACHE)
def decide_promotion(
    tiers: Tiers, folder: DatasetFolder, version: Bundle, order: TrainingOrder, scratch: Path
) -> Promotion:
    """Promote a version if none is promoted yet or it beats the one that is, on the same held-out rows."""
    name, out = model_name(folder), scratch / "measured.json"

    def measure(incumbent: Bundle) -> HeldOutFigures:
        logger.info("version %d is measured on the held-out rows of version %d", incumbent.number, version.number)
        with (
            open_model(tiers, f"{name}@{version.number}") as candidate,
            open_model(tiers, f"{name}@{incumbent.number}") as used,
        ):
            return measured(order, used.weights, used.config, rows=candidate.config, out=out)

    return decide(folder, version, measure)


@task(name="report-model", cache_policy=NO_CACHE)
def report_model(folder: DatasetFolder, version: Bundle, decision: Promotion) -> None:
    """Show the card on Prefect's pages, and below its title whether the version is used."""
    card = folder.objects / version.card.name
    title, _, rest = card.read_text(encoding="utf-8").partition("\n")
    page = f"{title}\n\n{promotion_text(decision)}\n{rest}"
    create_markdown_artifact(page, key=f"{artifact_key(folder.name)}-card", description=f"{folder.name}: {card}")
