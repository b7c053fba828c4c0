"""The job of `restore_rows`: every parameter with its default, its limits and its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.device_wait import WaitField, chosen_wait
from storage.layout import NAME_PATTERN
from storage.tiers import Access, Tiers
from tasks.ops.restoring_order import RestoringOrder


class RestoringJob(BaseModel):
    """Which pairs to restore by which model, for a critic to learn from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[str, Field(description="Pairs")]
    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk, may be the same")]
    fast_budget: Annotated[int | None, Field(ge=0, description="Bytes that copies may take on the fast root")] = None
    model: Annotated[str, Field(description="A generator: name, name@current or name@VERSION")] = "gan-generator"
    name: Annotated[str | None, Field(description="Dataset that is made; DATASET-restored by default")] = None
    version: Annotated[int | None, Field(ge=1, description="Version of the pairs; the current one by default")] = None
    device: Annotated[str, Field(description="auto, cpu, cuda or cuda:N")] = "auto"
    device_wait: WaitField = None
    batch_size: Annotated[int, Field(ge=1, description="Rows at a time")] = 32
    access: Annotated[Access, Field(description="random stages a copy on the fast root")] = "random"

    @model_validator(mode="after")
    def _names_a_dataset(self) -> RestoringJob:
        if not NAME_PATTERN.fullmatch(self.restored):
            raise ValueError(
                f"a dataset's name has letters, digits, '.', '_' and '-' only, at most 64, got {self.restored!r}; give "
                "another one with --name"
            )
        return self

    @property
    def restored(self) -> str:
        """The name of the dataset that is made."""
        return self.name or f"{self.dataset}-restored"

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.slow, self.fast, self.fast_budget)

    @property
    def order(self) -> RestoringOrder:
        """What the training process is told."""
        return RestoringOrder(
            self.tiers,
            self.dataset,
            self.version,
            self.model,
            self.restored,
            device=self.device,
            device_wait=chosen_wait(self.device_wait),
            batch_size=self.batch_size,
        )
