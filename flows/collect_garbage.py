"""The flow that clears out what nothing needs any more, made to be scheduled."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from storage.collection import Collection
from storage.datasets import existing_dataset, find_datasets
from tasks.integrity import collect_of_dataset


class CollectJob(BaseModel):
    """Of which datasets, what is kept, and whether it is done or only told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    dataset: Annotated[str | None, Field(description="Name of the dataset below the root; all by default")] = None
    keep: Annotated[int | None, Field(ge=1, description="Versions to keep; all by default")] = None
    grace_days: Annotated[float, Field(ge=0, description="Nothing younger is touched; trash is kept as long")] = 7.0
    apply: Annotated[bool, Field(description="Do it; without this, only say what would go")] = False


@flow(name="collect-garbage")
def collect_garbage(job: CollectJob) -> tuple[Collection, ...]:
    """Move to the trash what no version that is kept needs, and delete old trash; a dataset at work is passed over."""
    folders = [existing_dataset(job.slow, job.dataset)] if job.dataset else find_datasets(job.slow)
    grace = timedelta(days=job.grace_days)
    found = (collect_of_dataset(folder, keep=job.keep, grace=grace, apply=job.apply) for folder in folders)
    return tuple(collection for collection in found if collection)
