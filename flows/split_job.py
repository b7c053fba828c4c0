"""The job of `split_classes`: every parameter with its default, its limits and its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from storage.class_splits import SPLITS
from storage.layout import NAME_PATTERN
from storage.tiers import Tiers
from storage.word_maps import WORDS
from tasks.ops.class_splitting import DEFAULT_SHARE

Seed = Annotated[int, Field(ge=0, lt=2**32)]


class SplitJob(BaseModel):
    """Which classes of which dataset to keep unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk, for copies read at random; may equal slow")]
    fast_budget: Annotated[
        int | None, Field(ge=1, description="Bytes that copies may take on the fast root; by default what is free")
    ] = None
    dataset: Annotated[str, Field(description="Prepared dataset whose classes are split")]
    words: Annotated[str, Field(description="Word maps that have its classes")] = WORDS
    name: Annotated[str | None, Field(description="Name of the dataset of splits; splits-<dataset> by default")] = None
    unseen: Annotated[float, Field(gt=0, lt=1, description="Share of the classes that stays unseen")] = DEFAULT_SHARE
    seeds: Annotated[tuple[Seed, ...], Field(description="A split for each; 0, 1 and 2 by default")] = ()
    seen: Annotated[
        tuple[Path, ...],
        Field(description="Instead of seeds: a split for each file, which names the seen classes, one a line"),
    ] = ()
    wordnet: Annotated[Path | None, Field(description="Folder or zip with WordNet 3.0; else it is looked for")] = None
    download: Annotated[bool, Field(description="Fetch WordNet where this machine has none")] = False

    @field_validator("dataset", "words", "name")
    @classmethod
    def _is_name(cls, name: str | None) -> str | None:
        if name is not None and not NAME_PATTERN.fullmatch(name):
            raise ValueError(f"letters, digits, '.', '_' and '-' only, at most 64; got {name!r}")
        return name

    @model_validator(mode="after")
    def _is_chosen_one_way(self) -> SplitJob:
        if self.seen and self.seeds:
            raise ValueError("classes are chosen by seeds or by files that name the seen ones: give one of seed, seen")
        return self

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.slow, self.fast, self.fast_budget)

    @property
    def published_name(self) -> str:
        """The name of the dataset of splits."""
        return self.name or f"{SPLITS}-{self.dataset}"

    @property
    def chosen_seeds(self) -> tuple[int, ...]:
        """The seeds of the splits, unless files choose."""
        return self.seeds or (0, 1, 2)
