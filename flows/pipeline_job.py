"""The job of `pipeline`: which images, which models, how large; and the jobs of its steps, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class PipelineJob(BaseModel):
    """All of it: images to arrays, words, pairs, and the models that learn from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: Annotated[ImageJob, Field(description="The images, and where everything is published")]
    parts: Annotated[tuple[Part, ...], Field(min_length=1, description="Which models are trained")] = PARTS
    scale: Annotated[ScaleName, Field(description="full for a GPU, small for a machine without one")] = "full"
    configurations: Annotated[
        Path | None, Field(description="Folder with settings of recipes, RECIPE.toml each; else those of the scale")
    ] = None
    vectors: Annotated[
        Path | None, Field(description="Word vectors in word2vec's format; else they are learnt from WordNet")
    ] = None
    download: Annotated[bool, Field(description="Fetch WordNet where this machine has none")] = False
    device: Annotated[str, Field(description="auto, cpu, cuda or cuda:N")] = "auto"

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
        found = [Step(f"prepare {self.images.dataset}", self.images)]
        for part in dict.fromkeys(self.parts):
            found += {"superres": self._superres, "devise": self._devise, "gan": self._gan}[part]()
        return tuple(found)

    def _superres(self) -> list[Step]:
        large, small = SCALES[self.scale].superres
        pairs = self._pairs("superres-x4", large)
        return [pairs, self._training("superres", _dataset_of(pairs), f"large={large}", f"small={small}")]

    def _devise(self) -> list[Step]:
        dataset, size, network = self.images.dataset, SCALES[self.scale].devise, SCALES[self.scale].network
        words = WordJob(**self._roots, datasets=(dataset,), vectors=self.vectors, download=self.download)
        splits = SplitJob(**self._roots, dataset=dataset, download=self.download)
        features = FeatureJob(**self._roots, dataset=dataset, model="backbone@current", device=self.device)
        names = [f"splits={splits.published_name}", f"size={size}"]
        if network is not None and self.configurations is None:
            names.append(f"network={network}")
        return [
            Step(f"words of {dataset}", words),
            Step(f"class splits of {dataset}", splits),
            self._training("backbone", dataset, *names),
            Step(f"features of {dataset}", features),
            self._training("devise", dataset, *names, "start=backbone@current", f"features={features.features}"),
        ]

    def _gan(self) -> list[Step]:
        side = SCALES[self.scale].gan
        pairs = self._pairs(GAN_RECIPE, side)
        dataset = _dataset_of(pairs)
        restored = RestoringJob(**self._roots, dataset=dataset, device=self.device)
        sides = (f"large={side}", f"small={side}")
        return [
            pairs,
            self._training("gan-generator", dataset, *sides),
            Step(f"restored rows of {dataset}", restored),
            self._training("gan-critic", restored.restored, f"side={side}"),
            self._training("gan", dataset, *sides),
        ]

    @property
    def _roots(self) -> dict[str, Any]:
        images = self.images
        return {"slow": images.slow, "fast": images.fast, "fast_budget": images.fast_budget}

    def _pairs(self, recipe: str, side: int) -> Step:
        job = PairJob(**self._roots, origin=self.images.dataset, recipe=recipe, side=side, workers=self.images.workers)
        return Step(f"pairs {job.dataset(job.pair_recipe())}", job)

    def _training(self, recipe: str, dataset: str, *settings: str) -> Step:
        job = TrainJob(
            recipe=recipe,
            slow=self.images.slow,
            fast=self.images.fast,
            config=self._configuration(recipe),
            settings=(f"dataset={dataset}", *settings),
            device=self.device,
        )
        return Step(f"train {recipe}", job)

    def _configuration(self, recipe: str) -> Path | None:
        """Return the file with the settings of a recipe, None where its own defaults are taken."""
        if self.configurations is not None:
            own = self.configurations / f"{recipe}.toml"
            return own.absolute() if own.is_file() else None
        suffix = SCALES[self.scale].suffix
        return CONFIGURATIONS / f"{recipe}{suffix}.toml" if suffix else None


@dataclass(frozen=True, slots=True)
class Step:
    """One flow of the pipeline: what a person calls it, and its job."""

    title: str
    job: StepJob


def _dataset_of(pairs: Step) -> str:
    assert isinstance(pairs.job, PairJob)
    return pairs.job.dataset(pairs.job.pair_recipe())
