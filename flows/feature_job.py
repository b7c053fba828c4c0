"""The job of `extract_features`: every parameter with its default, its limits and its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.device_wait import WaitField, chosen_wait
from storage.features import features_name
from storage.layout import NAME_PATTERN
from storage.tiers import Tiers
from tasks.ops.feature_order import FeatureOrder
from tasks.ops.feature_requests import EncoderChoice


class FeatureJob(BaseModel):
    """Which rows get a vector, by which encoder, and where they go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[str, Field(description="Prepared dataset whose rows get a vector each")]
    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk, for copies read at random; may equal slow")]
    fast_budget: Annotated[
        int | None, Field(ge=1, description="Bytes that copies may take on the fast root; by default what is free")
    ] = None
    number: Annotated[int | None, Field(ge=1, description="Version of the dataset; the current one by default")] = None
    model: Annotated[str | None, Field(description="Registered model: name, name@current or name@VERSION")] = None
    network: Annotated[str | None, Field(description="Instead of a model a ResNet of torchvision's, or small")] = None
    weights: Annotated[Path | None, Field(description="File of weights for the network")] = None
    size: Annotated[int | None, Field(ge=1, description="Side in pixels of the rows that the network sees")] = None
    name: Annotated[str | None, Field(description="Name of the features; features-DATASET-MODEL by default")] = None
    device: Annotated[str, Field(description="auto, cpu, cuda or cuda:N")] = "auto"
    device_wait: WaitField = None
    precision: Annotated[Literal["float32", "bf16", "fp16"], Field(description="What to compute in")] = "float32"
    batch_size: Annotated[int, Field(ge=1, description="Rows at a time")] = 64
    cpu_threads: Annotated[int | None, Field(ge=1, description="Threads of torch; all cores by default")] = None

    @model_validator(mode="after")
    def _names_an_encoder_and_a_dataset(self) -> FeatureJob:
        # Making it checks it.
        _ = self.choice
        if not NAME_PATTERN.fullmatch(self.features):
            raise ValueError(
                "the name of a dataset has letters, digits, '.', '_' and '-' only, at most 64, got "
                f"{self.features!r}; give another one with --name"
            )
        return self

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.slow, self.fast, self.fast_budget)

    @property
    def choice(self) -> EncoderChoice:
        """What makes the vectors."""
        return EncoderChoice(self.model, self.network, self.weights, self.size)

    @property
    def features(self) -> str:
        """The name of the dataset of features."""
        return self.name or features_name(self.dataset, self.choice.name)

    def order(self, number: int, model: str | None) -> FeatureOrder:
        """Return what the training process is told, for a version of the dataset and of the model by its number."""
        choice = self.choice if model is None else EncoderChoice(model=model)
        return FeatureOrder(
            self.tiers,
            self.dataset,
            number,
            choice,
            self.features,
            device=self.device,
            device_wait=chosen_wait(self.device_wait),
            precision=self.precision,
            batch_size=self.batch_size,
            cpu_threads=self.cpu_threads,
        )
