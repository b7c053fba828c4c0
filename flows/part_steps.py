"""The steps that follow prepared images, for each part of the pipeline: what it learns from, and its trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.feature_job import FeatureJob
from flows.image_job import ImageJob
from flows.pair_job import PairJob
from flows.restoring_job import RestoringJob
from flows.split_job import SplitJob
from flows.train_job import TrainJob
from flows.word_job import WordJob

Part = Literal["superres", "devise", "gan"]
ScaleName = Literal["full", "small"]
StepJob = ImageJob | WordJob | SplitJob | PairJob | TrainJob | FeatureJob | RestoringJob

PARTS: tuple[Part, ...] = ("superres", "devise", "gan")
CONFIGURATIONS = Path(__file__).parents[1] / "training" / "configurations"
GAN_RECIPE = "small-lesson"
"""Of the pairs that the restoration GAN learns from; they keep their size."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Sides of the pictures that the parts learn from, in pixels, and settings: files by their ending, or `network`.

    `network` is the backbone where no file names one; the recipes' defaults differ.
    """

    superres: tuple[int, int]
    devise: int
    gan: int
    suffix: str
    network: str | None = None

    def sides(self, parts: tuple[Part, ...]) -> tuple[int, ...]:
        """Return the sizes that a dataset has to have for `parts`, the largest first."""
        wanted = {"superres": {self.superres[0]}, "devise": {self.devise}, "gan": {self.gan}}
        return tuple(sorted(set().union(*(wanted[part] for part in parts)), reverse=True))


SCALES = MappingProxyType(
    {
        "full": Scale((288, 72), devise=224, gan=128, suffix="", network="resnet50"),
        "small": Scale((288, 72), devise=32, gan=72, suffix="-small"),
    }
)


class ModelChoices(BaseModel):
    """How large the models are and where their settings come from: what all parts are told alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: Annotated[ScaleName, Field(description="full for a GPU, small for a machine without one")] = "full"
    configurations: Annotated[
        Path | None, Field(description="Folder with settings of recipes, RECIPE.toml each; else those of the scale")
    ] = None
    vectors: Annotated[
        Path | None, Field(description="Word vectors in word2vec's format; else they are learnt from WordNet")
    ] = None
    download: Annotated[bool, Field(description="Fetch WordNet where this machine has none")] = False
    device: Annotated[str, Field(description="auto, cpu, cuda or cuda:N")] = "auto"

    def configuration(self, recipe: str) -> Path | None:
        """Return the file with the settings of a recipe, None where its own defaults are taken."""
        if self.configurations is not None:
            own = self.configurations / f"{recipe}.toml"
            return own.absolute() if own.is_file() else None
        suffix = SCALES[self.scale].suffix
        return CONFIGURATIONS / f"{recipe}{suffix}.toml" if suffix else None


class PublishedImages(BaseModel):
    """A version of prepared images, as the event that announces it tells."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dataset: Annotated[str, Field(description="Name of the dataset below the roots")]
    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk; may equal slow")]
    fast_budget: Annotated[int | None, Field(ge=1, description="Bytes that copies may take on the fast root")] = None
    version: Annotated[int | None, Field(ge=1, description="Its number; the current one by default")] = None

    @property
    def roots(self) -> dict[str, Any]:
        """The roots, as the jobs of all flows that keep copies are told."""
        return {"slow": self.slow, "fast": self.fast, "fast_budget": self.fast_budget}


@dataclass(frozen=True, slots=True)
class Step:
    """One flow of the pipeline: what a person calls it, and its job."""

    title: str
    job: StepJob


@dataclass(frozen=True, slots=True)
class PartSteps:
    """Plans the steps of parts, for images that are prepared; `building` is what pairs are told of where and how."""

    images: PublishedImages
    choices: ModelChoices
    building: Mapping[str, Any] = field(default_factory=dict)

    def of(self, part: Part) -> list[Step]:
        """Return the steps of a part, in order; what was done before finds nothing to do."""
        return {"superres": self._superres, "devise": self._devise, "gan": self._gan}[part]()

    def _superres(self) -> list[Step]:
        large, small = self._scale.superres
        pairs = self._pairs("superres-x4", large)
        return [pairs, self._training("superres", _dataset_of(pairs), f"large={large}", f"small={small}")]

    def _devise(self) -> list[Step]:
        dataset, size, network = self.images.dataset, self._scale.devise, self._scale.network
        choices, roots = self.choices, self.images.roots
        words = WordJob(**roots, datasets=(dataset,), vectors=choices.vectors, download=choices.download)
        splits = SplitJob(**roots, dataset=dataset, download=choices.download)
        features = FeatureJob(**roots, dataset=dataset, model="backbone@current", device=choices.device)
        names = [f"splits={splits.published_name}", f"size={size}"]
        if network is not None and choices.configurations is None:
            names.append(f"network={network}")
        return [
            Step(f"words of {dataset}", words),
            Step(f"class splits of {dataset}", splits),
            self._training("backbone", dataset, *names),
            Step(f"features of {dataset}", features),
            self._training("devise", dataset, *names, "start=backbone@current", f"features={features.features}"),
        ]

    def _gan(self) -> list[Step]:
        side = self._scale.gan
        pairs = self._pairs(GAN_RECIPE, side)
        dataset = _dataset_of(pairs)
        restored = RestoringJob(**self.images.roots, dataset=dataset, device=self.choices.device)
        sides = (f"large={side}", f"small={side}")
        return [
            pairs,
            self._training("gan-generator", dataset, *sides),
            Step(f"restored rows of {dataset}", restored),
            self._training("gan-critic", restored.restored, f"side={side}"),
            self._training("gan", dataset, *sides),
        ]

    @property
    def _scale(self) -> Scale:
        return SCALES[self.choices.scale]

    def _pairs(self, recipe: str, side: int) -> Step:
        job = PairJob(**self.images.roots, **self.building, origin=self.images.dataset, recipe=recipe, side=side)
        return Step(f"pairs {job.dataset(job.pair_recipe())}", job)

    def _training(self, recipe: str, dataset: str, *settings: str) -> Step:
        job = TrainJob(
            recipe=recipe,
            slow=self.images.slow,
            fast=self.images.fast,
            config=self.choices.configuration(recipe),
            settings=(f"dataset={dataset}", *settings),
            device=self.choices.device,
        )
        return Step(f"train {recipe}", job)


def _dataset_of(pairs: Step) -> str:
    assert isinstance(pairs.job, PairJob)
    return pairs.job.dataset(pairs.job.pair_recipe())
