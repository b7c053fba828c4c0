"""The job of `make_pairs`: every parameter with its default, its limits and its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from flows.runner_choice import RunnerField, SchedulerField, require_used
from storage.layout import NAME_PATTERN
from storage.tiers import Access, Tiers
from tasks.ops.pair_recipe import PairRecipe
from tasks.ops.pair_recipe_files import find_recipe
from tasks.ops.shard_pool import default_workers


class PairJob(BaseModel):
    """Which published images are to be spoilt, how, and under what name the pairs are published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: Annotated[str, Field(description="Prepared dataset whose images are the good ones")]
    recipe: Annotated[str, Field(description="Name of a shipped recipe, or path of a .toml file")]
    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk, for copies read at random; may equal slow")]
    fast_budget: Annotated[
        int | None, Field(ge=1, description="Bytes that copies may take on the fast root; by default what is free")
    ] = None
    name: Annotated[str | None, Field(description="Name of the dataset of pairs; by default origin and recipe")] = None
    version: Annotated[int | None, Field(ge=1, description="Version of the origin; the current one by default")] = None
    side: Annotated[int | None, Field(ge=1, description="Which of its sizes; the largest by default")] = None
    workers: Annotated[int, Field(default_factory=default_workers, ge=1, description="Processes")]
    runner: RunnerField = "processes"
    dask_scheduler: SchedulerField = None
    access: Annotated[Access, Field(description="random also stages a copy on the fast root")] = "random"

    @field_validator("origin", "name")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not NAME_PATTERN.fullmatch(name):
            raise ValueError(f"letters, digits, '.', '_' and '-' only, at most 64; got {name!r}")
        return name

    @model_validator(mode="after")
    def _uses_its_scheduler(self) -> PairJob:
        require_used(self.dask_scheduler, runner=self.runner)
        return self

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.slow, self.fast, self.fast_budget)

    def pair_recipe(self) -> PairRecipe:
        """Return the recipe.

        Raises:
            ValueError, FileNotFoundError: there is none of that name, or the file is wrong.
        """
        return find_recipe(self.recipe)

    def dataset(self, recipe: PairRecipe) -> str:
        """Return the name under which the pairs are published."""
        return self.name or f"{self.origin}-{recipe.name}"
