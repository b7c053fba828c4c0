"""Registered models that a run starts from, or that a command uses: their settings, and where their weights are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.lineage import Origin
from storage.models import WEIGHTS, open_model, parsed_reference
from storage.tiers import Tiers
from training.configuration import resolved
from training.recipes import Recipe, recipe_named


@dataclass(frozen=True, slots=True)
class StartingModel:
    """A version of a registered model, held while it is open; `config` are the settings of its recipe."""

    name: str
    number: int
    recipe: Recipe
    config: Any
    weights: Path
    digest: str

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.number}"

    def origin(self, role: str) -> Origin:
        """Return it as something that a run stands on."""
        return Origin(role, self.name, self.number, self.digest)


def starting_model(tiers: Tiers, reference: str, *, recipes: Sequence[str], resources: ExitStack) -> StartingModel:
    """Open a model of one of `recipes`, the promoted version unless the reference says which.

    Raises:
        ValueError: it is a model of another recipe.
        UnknownDataset: there is no such model or version, or none was promoted.
        DamagedDataset: its files are not those that were registered.
    """
    opened = resources.enter_context(open_model(tiers, reference))
    if opened.lineage.recipe not in recipes:
        raise ValueError(
            f"{reference} was trained by {opened.lineage.recipe}; here a model of {' or '.join(recipes)} is needed"
        )
    recipe = recipe_named(opened.lineage.recipe)
    version = opened.version
    return StartingModel(
        name=parsed_reference(reference)[0],
        number=version.number,
        recipe=recipe,
        config=resolved(recipe, file=opened.config).recipe,
        weights=opened.weights,
        digest=version.file(WEIGHTS).digest,
    )


def numbered(reference: str, number: int | None) -> str:
    """Return a reference with the number that was pinned, if there is one."""
    return reference if number is None else f"{parsed_reference(reference)[0]}@{number}"
