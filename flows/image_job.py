"""The job of `prepare_images`: every parameter with its default, its limits and its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from flows.runner_choice import RunnerField, SchedulerField, require_used
from storage.array_formats import known_formats
from storage.layout import NAME_PATTERN
from storage.parameters import Parameters, SplitRule
from storage.plans import PlanSettings
from storage.records import fingerprint
from storage.tiers import Access, Tiers
from tasks.ops.shard_pool import default_workers

Fraction = Annotated[float, Field(ge=0, le=1)]
MAX_SIDE = 4096


class ImageJob(BaseModel):
    """Which images become which arrays, and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[Path, Field(description="Folder with a folder for each class, or a flat one (then give labels)")]
    dataset: Annotated[str, Field(description="Name of the dataset below the roots")]
    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk, for copies read at random; may equal slow")]
    fast_budget: Annotated[
        int | None, Field(ge=1, description="Bytes that copies may take on the fast root; by default what is free")
    ] = None
    sizes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=MAX_SIDE)], ...],
        Field(min_length=1, description="Sides of the squares in pixels; one decode feeds all"),
    ] = (224,)
    array_format: Annotated[str, Field(description="hdf5 or bcolz")] = "hdf5"
    fidelity: Annotated[
        Literal["exact", "fast"],
        Field(description="exact equals torchvision's Resize and CenterCrop; fast lets the JPEG decoder scale"),
    ] = "exact"
    interpolation: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"
    labels: Annotated[Path | None, Field(description="Labels of a flat folder: CSV or ILSVRC ground truth")] = None
    manifest: Annotated[Path | None, Field(description="Text file with the classes or images to take")] = None
    require_vector: Annotated[
        str | None, Field(description="Dataset of word maps; classes without a vector there are set aside")
    ] = None
    limit: Annotated[int | None, Field(ge=1, description="Take so many images, the first of the shuffle")] = None
    seed: Annotated[int, Field(ge=0, lt=2**63, description="Seed of the shuffle")] = 0
    workers: Annotated[int, Field(default_factory=default_workers, ge=1, description="Processes")]
    runner: RunnerField = "processes"
    dask_scheduler: SchedulerField = None
    rows_per_shard: Annotated[int, Field(ge=1, le=65536, description="Images at most that one receipt proves")] = 1024
    max_refused: Annotated[Fraction, Field(description="Publish nothing when a larger share is refused")] = 0.01
    split_by: Annotated[Literal["source", "class"], Field(description="What is held out together")] = "source"
    valid: Annotated[Fraction, Field(description="Share of the validation split")] = 0.05
    test: Annotated[Fraction, Field(description="Share of the test split")] = 0.05
    access: Annotated[Access, Field(description="random also stages a copy on the fast root")] = "random"
    rehash: Annotated[
        bool, Field(description="Hash every source again: finds other bytes where size and time are as they were")
    ] = False
    max_pixels: Annotated[int, Field(ge=1, description="Larger images are refused")] = 50_000_000
    max_scans: Annotated[int, Field(ge=1, description="JPEGs with more scans are refused")] = 64

    @field_validator("dataset")
    @classmethod
    def _is_a_name(cls, dataset: str) -> str:
        if not NAME_PATTERN.fullmatch(dataset):
            raise ValueError(f"letters, digits, '.', '_' and '-' only, at most 64; got {dataset!r}")
        return dataset

    @field_validator("array_format")
    @classmethod
    def _is_a_format(cls, name: str) -> str:
        if name not in known_formats():
            raise ValueError(f"unknown array format {name!r}; known: {', '.join(known_formats())}")
        return name

    @field_validator("sizes")
    @classmethod
    def _largest_first(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(sizes), reverse=True))

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> ImageJob:
        if self.valid + self.test > 1:
            raise ValueError(f"valid and test are shares of the whole: {self.valid} + {self.test} is more than 1")
        return self

    @model_validator(mode="after")
    def _uses_its_scheduler(self) -> ImageJob:
        require_used(self.dask_scheduler, runner=self.runner)
        return self

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.slow, self.fast, self.fast_budget)

    def plan_settings(
        self,
        manifest: tuple[str, ...] | None,
        *,
        colour_policy: tuple[str, ...],
        libraries: tuple[tuple[str, str], ...],
    ) -> PlanSettings:
        """Return what this job decides of a plan."""
        parameters = Parameters(
            sides=self.sizes,
            array_format=self.array_format,
            fidelity=self.fidelity,
            interpolation=self.interpolation,
            max_pixels=self.max_pixels,
            max_scans=self.max_scans,
            colour_policy=colour_policy,
            split=SplitRule(self.split_by, self.valid, self.test),
            libraries=libraries,
        )
        # Plans that were made before there were words keep their selection.
        selection = [self.limit, manifest, *([self.require_vector] if self.require_vector else [])]
        return PlanSettings(parameters, self.seed, self.rows_per_shard, fingerprint(selection))
