"""What a run is told: a TOML file, then `key=value`, checked by the recipe's own `Config`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from training.loop_settings import LoopSettings
from training.recipes import Recipe
from training.sentences import in_one_sentence

LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A run's settings, checked; `table` has them all, defaults too, as `config.toml` is written from."""

    recipe: Any
    loop: LoopSettings
    table: dict[str, Any]


def resolved(recipe: Recipe, *, file: Path | None, assignments: Sequence[str]) -> Configuration:
    """Return the settings of a run: those of `file`, overruled by `assignments`, `key=value` each.

    Raises:
        ValueError: one is unknown, or not what it has to be.
        FileNotFoundError: there is no such file.
    """
    given = {} if file is None else _read(file)
    if given.pop("recipe", recipe.name) != recipe.name:
        raise ValueError(f"{file} is for another recipe than {recipe.name!r}")
    for assignment in assignments:
        _assign(given, assignment)
    loop = _checked(LoopSettings, given.pop(LOOP, {}), place=f"{LOOP}.")
    _require_known(given, recipe.config)
    config = _checked(recipe.config, given, place="")
    table = {"recipe": recipe.name, **_plain(recipe.config, config), LOOP: _plain(LoopSettings, loop)}
    return Configuration(config, loop, table)


def differences(former: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Return what differs between two tables of settings: by its key, a sentence for a person."""
    before, after = dict(_flat(former)), dict(_flat(now))
    return {
        key: f"{key} was {before.get(key, 'not given')!r} and is {after.get(key, 'not given')!r}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no TOML: {error}") from error


def _assign(table: dict[str, Any], assignment: str) -> None:
    """Put `a.b=value` into nested tables; the value is TOML, or else a text as it stands."""
    key, equals, text = assignment.partition("=")
    if not equals or not all(key.split(".")):
        raise ValueError(f"expected key=value, got {assignment!r}")
    *path, last = key.split(".")
    for name in path:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ValueError(f"{assignment!r}: {name} is no table, it is {table!r:.80}")
    try:
        table[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[last] = text


def _checked(kind: type[Any], table: object, *, place: str) -> Any:
    try:
        return TypeAdapter(kind).validate_python(table)
    except ValidationError as error:
        raise ValueError(f"{place}{in_one_sentence(error)}") from error


def _require_known(table: Mapping[str, Any], kind: type[Any]) -> None:
    """Refuse keys that `kind` does not have, which a dataclass would pass over."""
    known = _names(kind)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"there is no setting {key!r}; there are: {', '.join([*known, LOOP])}{hint}")


def _names(kind: type[Any]) -> list[str]:
    if issubclass(kind, BaseModel):
        return list(kind.model_fields)
    if is_dataclass(kind):
        return [field.name for field in fields(kind)]
    raise TypeError(f"the Config of a recipe is a frozen dataclass or a pydantic model, not {kind}")


def _plain(kind: type[Any], value: Any) -> dict[str, Any]:
    return TypeAdapter(kind).dump_python(value, mode="json", exclude_none=True)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
