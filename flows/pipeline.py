"""The flow of flows: from a folder of images to arrays, words, pairs and models; what is there is not made again."""

from __future__ import annotations

from prefect import flow

from flows.pipeline_job import PipelineJob
from flows.step_runs import StepOutcome, carried_out


@flow(name="pipeline")
def pipeline(job: PipelineJob) -> tuple[StepOutcome, ...]:
    """Prepare images, make words and pairs, train and promote models, one after the other."""
    return carried_out(f"pipeline-{job.images.dataset}", job.steps)
