"""The flow that checks a published dataset, made to be scheduled."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from storage.datasets import find_datasets
from storage.errors import DamagedDataset
from storage.tiers import Tiers
from storage.verification import Verification, seed_of_today
from tasks.integrity import check_dataset

logger = logging.getLogger(__name__)


class VerifyJob(BaseModel):
    """Which datasets to check, and how much of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[str | None, Field(description="Name of the dataset below the roots; all by default")] = None
    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk; may equal slow")]
    share: Annotated[float, Field(ge=0, le=1, description="Share of the objects to hash: 0 quick, 1 full")] = 1.0
    seed: Annotated[int, Field(default_factory=seed_of_today, ge=0, description="Draws the sample; the day's number")]


@flow(name="verify-dataset")
def verify_dataset(job: VerifyJob) -> tuple[Verification, ...]:
    """Check one dataset or all; the run fails when something is damaged, so that whoever watches runs is told.

    Raises:
        DamagedDataset: with the first of the damaged files; the artifacts have all.
    """
    names = [job.dataset] if job.dataset else [folder.name for folder in find_datasets(job.slow)]
    checked = tuple(check_dataset(Tiers(job.slow, job.fast), name, share=job.share, seed=job.seed) for name in names)
    damaged = [found for found in checked if not found.is_whole]
    if not damaged:
        logger.info("%d datasets are whole", len(checked))
        return checked
    first, *others = [damage for found in damaged for damage in found.damages]
    affected = " ".join(found.dataset for found in damaged)
    raise DamagedDataset(
        f"{affected}: damaged: {first}{f' and {len(others)} more' if others else ''}",
        path=first.path,
        remedy=f"run imagemill repair for: {affected}",
    )
