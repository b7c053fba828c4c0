"""The flow from a recipe and published rows to a registered model, promoted if none is better."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from flows.announcement import announce
from flows.run_log import run_log
from flows.train_job import TrainJob
from storage.bundles import Bundle
from storage.datasets import create_dataset
from storage.errors import named_disk_errors
from storage.models import MODELS, PREFIX, ModelResult, registered_as, require_recipe, result_in
from storage.promotions import Promotion
from storage.run_directory import RunDirectory
from storage.scratch import scratch_folder
from tasks.ops.model_runs import failed_run, new_run, unfinished_run
from tasks.ops.promotion import decision_on
from tasks.ops.training_commands import Description
from tasks.training import decide_promotion, describe_run, register_run, report_model, train_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainOutcome:
    """How it ended: the version of the model, its figures, and the decision on whether it is used.

    `status` is "trained", or "unchanged" where an equal run was registered before; `run` is None then.
    """

    status: str
    model: str
    version: Bundle
    result: ModelResult
    decision: Promotion
    run: Path | None
    card: Path


@flow(name="train-model")
def train_model(job: TrainJob) -> TrainOutcome:
    """Train a recipe, register the model, and promote it if it is better; go on where an equal run stopped."""
    described = describe_run(job.order)
    folder = create_dataset(job.slow, PREFIX + job.model, kind=MODELS)
    require_recipe(folder, job.recipe)
    with (
        run_log(folder, "train"),
        named_disk_errors(folder.path, doing=f"{job.model} was trained"),
        scratch_folder(folder) as scratch,
    ):
        run = None if job.new_run else unfinished_run(folder, described)
        version = None if job.new_run or run else registered_as(folder, described.lineage.request)
        if version is None:
            run = run or (None if job.new_run else failed_run(folder, described)) or new_run(folder, described)
            train(job, described, run)
            version = register_run(folder, run, scratch)
        else:
            logger.info("nothing to do, version %d is what these settings and rows make", version.number)
        # A run that was killed when it had registered its model has not decided yet.
        decision = decision_on(folder, version) or decide_promotion(job.tiers, folder, version, job.order, scratch)
        report_model(folder, version, decision)
        announce(job.tiers, folder, version.number)
    result, card = result_in(folder, version), folder.objects / version.card.name
    status = "trained" if run else "unchanged"
    return TrainOutcome(status, job.model, version, result, decision, run.path if run else None, card)


def train(job: TrainJob, described: Description, run: RunDirectory) -> None:
    """Carry a run to its end; one that somebody else stops goes on, as often as the job allows."""
    logger.info("training in %s", run.path)
    metric = described.lineage.metric
    task = train_run.with_options(retries=job.resumes)
    task(job.order, run, model=job.model, decides=metric.name if metric else None)
