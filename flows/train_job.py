"""The job of `train_model`: every parameter with its default, its limits and its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.device_wait import WaitField, chosen_wait
from storage.layout import NAME_PATTERN
from storage.models import PREFIX
from storage.tiers import Tiers
from tasks.ops.training_commands import TrainingOrder


class TrainJob(BaseModel):
    """What to train, on which rows, and where the model goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Annotated[str, Field(description="Name of a recipe, or the dotted path of its module")]
    slow: Annotated[Path, Field(description="Root on the large disk: runs and models are kept there")]
    fast: Annotated[Path, Field(description="Root on the quick disk, may be the same")]
    config: Annotated[Path | None, Field(description="TOML file with settings of the recipe")] = None
    settings: Annotated[tuple[str, ...], Field(description="key=value each; they overrule those of the file")] = ()
    name: Annotated[str | None, Field(description="Name of the model; that of the recipe by default")] = None
    new_run: Annotated[bool, Field(description="Train anew, though an equal run was begun or registered")] = False
    device: Annotated[str, Field(description="auto, cpu, cuda or cuda:N")] = "auto"
    processes: Annotated[int, Field(ge=1, description="Train together, one GPU each")] = 1
    resumes: Annotated[int, Field(ge=0, description="How often a run that others stopped goes on by itself")] = 5
    device_wait: WaitField = None

    @model_validator(mode="after")
    def _names_a_dataset(self) -> TrainJob:
        if not NAME_PATTERN.fullmatch(PREFIX + self.model):
            raise ValueError(
                f"a model's name has letters, digits, '.', '_' and '-' only, at most {64 - len(PREFIX)}, "
                f"got {self.model!r}; give another one with --name"
            )
        return self

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.recipe if self.name is None else self.name

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.slow, self.fast)

    @property
    def order(self) -> TrainingOrder:
        """What the training process is told, by the flow run that asks."""
        return TrainingOrder(
            self.recipe,
            self.config,
            self.settings,
            self.slow,
            self.fast,
            device=self.device,
            processes=self.processes,
            device_wait=chosen_wait(self.device_wait),
        )
