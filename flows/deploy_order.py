"""What `imagemill deploy` is told, and the parameters that each deployment gets from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from flows.part_steps import PARTS, SCALES, ModelChoices
from flows.pipeline_job import PipelineJob

VERIFIED_SHARE = 0.05
"""Of the objects, hashed every night: another sample each, so that all are seen in a few weeks."""


class DeployOrder(ModelChoices):
    """Where the images are and where everything goes, whether schedules are on; None leaves what the server has."""

    slow: Annotated[Path | None, Field(description="Root on the large disk, where everything is published")] = None
    fast: Annotated[Path | None, Field(description="Root on the quick disk; that of slow by default")] = None
    fast_budget: Annotated[int | None, Field(ge=1, description="Bytes that copies may take on the fast root")] = None
    source: Annotated[Path | None, Field(description="Folder with a folder of images for each class")] = None
    dataset: Annotated[str | None, Field(description="Name of the dataset; that of the folder by default")] = None
    schedules: Annotated[bool | None, Field(description="Whether the nightly and weekly runs are started")] = None
    gpus: Annotated[int | None, Field(ge=1, description="Runs of the pool gpu at a time")] = None

    @model_validator(mode="after")
    def _has_roots_for_its_images(self) -> DeployOrder:
        if self.source is not None and self.slow is None:
            raise ValueError("with a source goes the root where its arrays are kept: give --slow DIR as well")
        return self

    @property
    def roots(self) -> dict[str, str]:
        """The roots as a job is told, absolute: a worker runs in a folder of its own."""
        assert self.slow is not None
        return {"slow": str(self.slow.absolute()), "fast": str((self.fast or self.slow).absolute())}

    @property
    def variables(self) -> dict[str, Any]:
        """What is to be set on the server, by the names that prefect.yaml reads; what is not told is left out."""
        told = {"imagemill_schedules": self.schedules, "imagemill_dataset": self.chosen_dataset}
        jobs = {f"imagemill_{name}": job for name, job in self._jobs().items()}
        return {name: value for name, value in told.items() if value is not None} | jobs

    @property
    def chosen_dataset(self) -> str | None:
        """The name of the dataset, None where nothing tells it."""
        return self.dataset or (self.source.absolute().name if self.source else None)

    def _jobs(self) -> dict[str, dict[str, Any]]:
        """Return the jobs that are known; the others are asked for when a run is started."""
        jobs: dict[str, dict[str, Any]] = {}
        if self.model_fields_set & set(ModelChoices.model_fields):
            jobs |= {f"retrain_{part}": {"part": part, **self._choices()} for part in PARTS}
        if self.slow is not None:
            jobs["verify_dataset"] = {**self.roots, "share": VERIFIED_SHARE}
            jobs["collect_garbage"] = {"slow": self.roots["slow"], "apply": True}
        if self.source is not None:
            images = {**self._images(), "sizes": list(SCALES[self.scale].sides(PARTS))}
            job = {"images": images, **self._choices()}
            PipelineJob.model_validate(job)  # Now, and not in the night, is the time to hear that it cannot be.
            jobs |= {"prepare_images": images, "pipeline": job}
        return jobs

    def _images(self) -> dict[str, Any]:
        assert self.source is not None
        budget = {"fast_budget": self.fast_budget} if self.fast_budget else {}
        return {"source": str(self.source.absolute()), "dataset": self.chosen_dataset, **self.roots, **budget}

    def _choices(self) -> dict[str, Any]:
        """Return what all parts are told alike, only what was told."""
        return self.model_dump(mode="json", include=set(ModelChoices.model_fields), exclude_unset=True)
