"""The flow that follows a published version of images: what a part learns from is made of them, and it is trained."""

from __future__ import annotations

import logging
from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.part_steps import ModelChoices, Part, PartSteps, PublishedImages
from flows.step_runs import StepOutcome, carried_out
from storage.datasets import existing_dataset
from storage.errors import UnknownDataset
from storage.versions import current_version

logger = logging.getLogger(__name__)


class RetrainJob(ModelChoices):
    """Which part of the pipeline is trained again."""

    part: Annotated[Part, Field(description="superres, devise or gan")]


@flow(name="retrain", flow_run_name="retrain-{job.part}-{images.dataset}-{images.version}")
def retrain(images: PublishedImages, job: RetrainJob) -> tuple[StepOutcome, ...]:
    """Make what a part learns from out of a version of images, train it, and promote the model if it is better.

    Where a newer version stands by now, nothing is done: that one has been announced as well.

    Raises:
        UnknownDataset: there is no such version.
    """
    current = current_version(existing_dataset(images.slow, images.dataset))
    wanted = images.version
    if current is None or (wanted is not None and current.number < wanted):
        raise UnknownDataset(
            f"{images.dataset} below {images.slow} has no version {wanted or 1}; is it the root where it was published?"
        )
    if wanted is not None and current.number > wanted:
        logger.info("nothing to do: version %d has taken the place of %d", current.number, wanted)
        return ()
    return carried_out(f"retrain-{job.part}-{images.dataset}", PartSteps(images, job).of(job.part))
