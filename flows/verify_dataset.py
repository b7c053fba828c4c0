"""The flow that checks a published dataset, made to be scheduled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from storage.errors import DamagedDataset
from storage.tiers import Tiers
from storage.verification import Verification, seed_of_today
from tasks.integrity import check_dataset


class VerifyJob(BaseModel):
    """Which dataset to check, and how much of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[str, Field(description="Name of the dataset below the roots")]
    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk; may equal slow")]
    share: Annotated[float, Field(ge=0, le=1, description="Share of the objects to hash: 0 quick, 1 full")] = 1.0
    seed: Annotated[int, Field(default_factory=seed_of_today, ge=0, description="Draws the sample; the day's number")]


@flow(name="verify-dataset")
def verify_dataset(job: VerifyJob) -> Verification:
    """Check a dataset; the run fails when something is damaged, so that whoever watches runs is told.

    Raises:
        DamagedDataset: with the first of the damaged files; the artifact has all.
    """
    found = check_dataset(Tiers(job.slow, job.fast), job.dataset, share=job.share, seed=job.seed)
    if found.is_whole:
        return found
    first, *others = found.damages
    raise DamagedDataset(
        f"{job.dataset} is damaged: {first}{f' and {len(others)} more' if others else ''}",
        path=first.path,
        remedy=f"run: imagemill repair {job.dataset}",
    )
