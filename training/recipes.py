"""The recipes that there are, by name; any other module is named by its dotted path.

A recipe is one module with two names:

    class Config: …
        A frozen dataclass or pydantic model. Every field has a default, or the user has to give it; what cannot be
        is a ValueError that says why. Its fields are the keys of `run.toml` and of `key=value`; nested tables and
        `phases: tuple[Phase, …]` work. The key "loop" is taken, by `training.loop_settings.LoopSettings`.

    def make_run(config: Config, *, world: World, seed: int, resources: ExitStack) -> Run: …
        Makes networks on `world.device`, the step, phases and readers. `seed` is for the readers; torch's generators
        are seeded already. What has to be closed goes into `resources`: `resources.enter_context(open_version(…))`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from training.steps import Run

RECIPES: Mapping[str, str] = MappingProxyType({"superres": "training.superres"})
"""Name → module."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe as its module defines it."""

    name: str
    config: type[Any]
    make_run: Callable[..., Run]


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
    missing = [each for each in ("Config", "make_run") if not hasattr(module, each)]
    if missing:
        raise ValueError(f"{path} is no recipe: it has no {' and no '.join(missing)}")
    return Recipe(name, module.Config, module.make_run)
