"""The recipes that there are, by name; any other module is named by its dotted path.

A recipe is one module with two names, and up to five more that let its models be registered, compared and used:

    class Config: …
        A frozen dataclass or pydantic model. Every field has a default, or the user has to give it; what cannot be
        is a ValueError that says why. Its fields are the keys of `run.toml` and of `key=value`; nested tables and
        `phases: tuple[Phase, …]` work. The key "loop" is taken, by `training.loop_settings.LoopSettings`. Fields
        called `slow` and `fast` get the roots that the command names, where the settings do not.

    def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run: …
        Makes networks on `world.device`, the step, phases and readers. `seed` is for the readers; torch's generators
        are seeded already. What has to be closed goes into `resources`: `resources.enter_context(open_version(…))`.

    METRIC = Metric("psnr_y", better="higher")
    def evaluate(model: Config, weights: Path, *, rows: Config, device: torch.device, resources: ExitStack) -> HeldOut:
        Measures a finished model on rows that nothing was learnt from; METRIC is the figure that decides which of two
        models is promoted. `weights` is the file of what `Step.weights()` returned in a run of the settings `model`;
        the settings `rows` say which rows are held out: those of another run where an older model is measured beside
        a newer one. A ValueError says why the two do not go together.

    def pinned(config: Config) -> Config: …
        The settings with numbers in place of what "current" means today: a run goes on with the rows that it began
        with. A field that it fills is None before.

    def origins(config: Config) -> Sequence[Origin]: …
        What a run of pinned settings stands on: versions of datasets, files of weights (`file_origin` hashes one).

    def image_encoder(config: Config, weights: Path, *, device: torch.device) -> ImageEncoder: …
        A finished model as what turns pictures into vectors: `python -m training features` publishes those of all rows
        of a dataset. `weights` is a file as for `evaluate`, of a run of the settings `config`; datasets and files that
        the run stood on need not be there any more. An UnfitWeights (a ValueError) says that they do not go together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import torch

from storage.lineage import Metric, Origin
from training.image_encoders import ImageEncoder
from training.steps import HeldOut, Run

RECIPES: Mapping[str, str] = MappingProxyType(
    {
        "backbone": "training.backbone",
        "devise": "training.devise",
        "superres": "training.superres",
        "gan-generator": "training.gan_generator",
        "gan-critic": "training.gan_critic",
        "gan": "training.gan",
        "wgan": "training.wgan",
    }
)
"""Name → module."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe as its module defines it; `metric` and `evaluate` are None where it measures no finished models."""

    name: str
    module: ModuleType
    config: type[Any]
    make_run: Callable[..., Run]
    metric: Metric | None
    evaluate: Callable[..., HeldOut] | None

    def pinned(self, config: Any) -> Any:
        """Return the settings with what "current" means put into numbers."""
        return self.module.pinned(config) if hasattr(self.module, "pinned") else config

    def origins(self, config: Any) -> Sequence[Origin]:
        """Return what a run of these settings stands on, as far as the recipe tells."""
        return self.module.origins(config) if hasattr(self.module, "origins") else ()

    def image_encoder(self, config: Any, weights: Path, *, device: torch.device) -> ImageEncoder:
        """Return a finished model as what turns pictures into vectors.

        Raises:
            ValueError: models of the recipe turn pictures into something else, or the file is of other settings.
        """
        if not hasattr(self.module, "image_encoder"):
            raise ValueError(f"models of {self.name} give no vectors: the recipe has no image_encoder")
        return self.module.image_encoder(config, weights, device=device)


def recipe_named(name: str) -> Recipe:
    """Return a recipe by its name or by the dotted path of its module.

    Raises:
        ValueError: there is none, or the module is no recipe.
    """
    path = RECIPES.get(name, name)
    if path == name and "." not in name:
        known = ", ".join(RECIPES) or "none"
        raise ValueError(f"there is no recipe {name!r}; there are: {known}. Any other is given as package.module")
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        raise ValueError(f"the recipe {name!r} cannot be imported: {error}") from error
    _require(module, "Config", "make_run")
    metric, evaluate = getattr(module, "METRIC", None), getattr(module, "evaluate", None)
    if metric is not None or evaluate is not None:
        _require(module, "METRIC", "evaluate")
    return Recipe(name, module, module.Config, module.make_run, metric, evaluate)


def _require(module: ModuleType, *names: str) -> None:
    missing = [each for each in names if not hasattr(module, each)]
    if missing:
        raise ValueError(f"{module.__name__} is no recipe: it has no {' and no '.join(missing)}")
