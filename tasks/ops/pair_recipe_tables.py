"""Recipes of pairs as plain tables, such as TOML and JSON hold, and back; and the one form that is fingerprinted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

import msgspec

from storage.digests import digest_of
from tasks.ops.crappifiers.catalogue import CRAPPIFIERS, REVISION
from tasks.ops.crappifiers.ranges import Range, WholeRange
from tasks.ops.pair_recipe import PairRecipe, Step

_WORDING = {
    int: "a whole number",
    float: "a number",
    str: "text",
    int | str: "a whole number or text",
    WholeRange: "two whole numbers [lowest, highest]",
    Range: "two numbers [lowest, highest]",
    list[dict[str, Any]]: "tables, each below a line [[defects]],",
}
_RECIPE_KEYS: Mapping[str, Any] = {"name": str, "bad_side": int | str, "seed": int, "defects": list[dict[str, Any]]}
_STEP_KEYS: Mapping[str, Any] = {"defect": str, "probability": float}


def recipe_of(table: Mapping[str, Any], *, source: str) -> PairRecipe:
    """Return the recipe that `table` describes; `source` is what messages call it.

    Raises:
        ValueError: a key is unknown, missing or of the wrong type, or a value is out of its range.
    """
    where = f"{source}, top level"
    values = _values(table, _RECIPE_KEYS, required=("name", "defects"), where=where)
    steps = tuple(_step(each, f"{source}, [[defects]] {number}") for number, each in enumerate(values["defects"], 1))
    return _made(PairRecipe, {**values, "defects": steps}, where)


def table_of(recipe: PairRecipe) -> dict[str, Any]:
    """Return `recipe` as the table that describes it, with every default written out."""
    steps = [
        {"defect": step.defect, "probability": float(step.probability), **_filled_in(step.parameters)}
        for step in recipe.defects
    ]
    return {"name": recipe.name, "bad_side": recipe.bad_side, "seed": recipe.seed, "defects": steps}


def canonical_form(recipe: PairRecipe) -> str:
    """Return what decides the bad images besides the good ones and the libraries: JSON, the same for equal recipes.

    Keys are sorted and defaults written out. The revision of the defects is in it, and the name is not.
    """
    table = table_of(recipe) | {"revision": REVISION}
    del table["name"]
    return json.dumps(table, sort_keys=True, separators=(",", ":"), allow_nan=False)


def recipe_fingerprint(recipe: PairRecipe) -> str:
    """Return the BLAKE3 of the canonical form, 64 hexadecimal digits."""
    return digest_of(canonical_form(recipe).encode())


def recipe_from_canonical(form: str, *, name: str) -> PairRecipe:
    """Return the recipe that `canonical_form` wrote down, such as from a plan.

    Raises:
        ValueError: it is no such form, or was written for defects that have changed since.
    """
    table = json.loads(form)
    revision = table.pop("revision", None) if isinstance(table, dict) else None
    if revision != REVISION:
        raise ValueError(
            f"recipe {name} was made for revision {revision} of the defects, and this is revision {REVISION}, "
            "which draws otherwise: make the pairs anew, or use the imagemill that made them"
        )
    return recipe_of({**table, "name": name}, source=f"recipe {name}")


def _step(table: dict[str, Any], where: str) -> Step:
    if table.get("defect") not in tuple(CRAPPIFIERS):  # it may be a list, which has no hash
        raise ValueError(f"{where}, key defect: one of {', '.join(CRAPPIFIERS)} expected, got {table.get('defect')!r}")
    where = f"{where} ({table['defect']})"
    parameters = CRAPPIFIERS[table["defect"]].parameters
    keys, required = _keys_of(parameters)
    values = _values(table, {**_STEP_KEYS, **keys}, required=required, where=where)
    common = {key: values.pop(key) for key in _STEP_KEYS if key in values}
    return _made(Step, {**common, "parameters": _made(parameters, values, where)}, where)


def _values(
    table: Mapping[str, Any], keys: Mapping[str, Any], *, required: Iterable[str], where: str
) -> dict[str, Any]:
    """Return the values of `table` as the types in `keys`."""
    for key in table.keys() - keys.keys():
        raise ValueError(f"{where}: there is no key {key!r}; known are {', '.join(keys)}")
    for key in required:
        if key not in table:
            raise ValueError(f"{where}: the key {key} is missing; it takes {_WORDING[keys[key]].rstrip(',')}")
    return {key: _converted(value, keys[key], f"{where}, key {key}") for key, value in table.items()}


def _converted(value: Any, type_: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {_WORDING[type_]} expected, got {value!r}") from error


def _made(type_: Any, values: Mapping[str, Any], where: str) -> Any:
    """Return the value made of `values`; where it refuses them, say where they stood."""
    try:
        return type_(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _filled_in(parameters: Any) -> dict[str, Any]:
    """Return all parameters by their keys, in the types that reading gives: 1 and 1.0 are one number."""
    hints, _ = _keys_of(type(parameters))
    return {key: msgspec.convert(getattr(parameters, key), hint) for key, hint in hints.items()}


@lru_cache(maxsize=64)
def _keys_of(parameters: type) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return each key of a defect's parameters with its type, and those keys that have no default."""
    required = tuple(each.name for each in dataclasses.fields(parameters) if each.default is dataclasses.MISSING)
    return get_type_hints(parameters), required
