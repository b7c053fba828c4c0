"""The job of `pipeline`: which images, which models, how large; and the jobs of its steps, in their order."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from flows.image_job import ImageJob
from flows.part_steps import PARTS, SCALES, ModelChoices, Part, PartSteps, PublishedImages, Step


class PipelineJob(ModelChoices):
    """All of it: images to arrays, words, pairs, and the models that learn from them."""

    images: Annotated[ImageJob, Field(description="The images, and where everything is published")]
    parts: Annotated[tuple[Part, ...], Field(min_length=1, description="Which models are trained")] = PARTS

    @model_validator(mode="before")
    @classmethod
    def _sizes_by_default(cls, given: Any) -> Any:
        """Where the images are told without sizes, take those that the parts need."""
        if not isinstance(given, dict) or not isinstance(images := given.get("images"), dict) or images.get("sizes"):
            return given
        scale, parts = SCALES.get(given.get("scale", "full")), tuple(given.get("parts", PARTS))
        if scale is None or not set(parts) <= set(PARTS):
            return given  # which is told by the fields themselves
        return given | {"images": images | {"sizes": scale.sides(parts)}}

    @model_validator(mode="after")
    def _has_the_sizes(self) -> PipelineJob:
        if lacking := set(self.sides) - set(self.images.sizes):
            raise ValueError(
                f"{', '.join(self.parts)} at {self.scale} scale need the sizes {', '.join(map(str, self.sides))}; "
                f"{', '.join(map(str, sorted(lacking)))} would not be prepared"
            )
        return self

    @property
    def sides(self) -> tuple[int, ...]:
        """The sizes that the parts need."""
        return SCALES[self.scale].sides(self.parts)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is run, in order; what was done before finds nothing to do."""
        images = self.images
        prepared = PublishedImages(
            dataset=images.dataset, slow=images.slow, fast=images.fast, fast_budget=images.fast_budget
        )
        planned = PartSteps(prepared, self, images.model_dump(include={"workers", "runner", "dask_scheduler"}))
        following = [step for part in dict.fromkeys(self.parts) for step in planned.of(part)]
        return (Step(f"prepare {images.dataset}", images), *following)
