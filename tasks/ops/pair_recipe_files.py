"""Recipes of pairs as TOML files: those that are shipped, and one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from tasks.ops.pair_recipe import PairRecipe
from tasks.ops.pair_recipe_tables import recipe_of

SUFFIX = ".toml"


@cache
def shipped_recipes() -> Mapping[str, PairRecipe]:
    """Return the recipes that come with imagemill, by their names in alphabetical order."""
    shipped = (file for file in files("tasks.ops").joinpath("pair_recipes").iterdir() if file.name.endswith(SUFFIX))
    recipes = [parsed_recipe(file.read_text(encoding="utf-8"), source=file.name) for file in shipped]
    return MappingProxyType({recipe.name: recipe for recipe in sorted(recipes, key=lambda recipe: recipe.name)})


def find_recipe(name_or_path: str) -> PairRecipe:
    """Return the shipped recipe of that name, or the one in the file at that path, which ends in .toml.

    Raises:
        ValueError: it is neither, or the file holds no valid recipe.
        FileNotFoundError: there is no such file.
    """
    if name_or_path.endswith(SUFFIX):
        return read_recipe(Path(name_or_path))
    if name_or_path in shipped_recipes():
        return shipped_recipes()[name_or_path]
    raise ValueError(
        f"there is no recipe {name_or_path!r}: take one of {', '.join(shipped_recipes())}, "
        f"or the path of a file that ends in {SUFFIX}"
    )


def read_recipe(path: Path) -> PairRecipe:
    """Return the recipe in the TOML file `path`."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not TOML, which is UTF-8: {error}") from error
    return parsed_recipe(text, source=str(path))


def parsed_recipe(text: str, *, source: str) -> PairRecipe:
    """Return the recipe in `text`, TOML; `source` is what messages call it."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source} is not TOML: {error}") from error
    return recipe_of(table, source=source)
