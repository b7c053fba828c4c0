"""What a run is told: a TOML file, then `key=value`, checked by the recipe's own `Config`.

What "current" means is pinned when a run begins: it goes on with the rows that it began with.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from training.loop_settings import LoopSettings
from training.recipes import Recipe
from training.sentences import in_one_sentence

LOOP = "loop"
FREE = frozenset({"loop.keep_checkpoints", "loop.checkpoint_minutes", "loop.checkpoint_steps"})
"""Settings that change nothing but the checkpoints: a run may go on with others, and the model is the same."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A run's settings, checked; `table` has them all, defaults too, as `config.toml` is written from.

    `asked` is the table before anything was pinned.
    """

    recipe: Any
    loop: LoopSettings
    table: dict[str, Any]
    asked: dict[str, Any]


def resolved(
    recipe: Recipe,
    *,
    file: Path | None,
    assignments: Sequence[str] = (),
    roots: Mapping[str, Path] = MappingProxyType({}),
) -> Configuration:
    """Return the settings of a run, pinned: those of `file`, overruled by `assignments`, `key=value` each.

    `roots` fill the settings of their names where the recipe has such and they are not given.

    Raises:
        ValueError: one is unknown, or not what it has to be.
        FileNotFoundError: there is no such file.
        UnknownDataset: what is to be pinned is not there.
    """
    given = {} if file is None else _read(file)
    if given.pop("recipe", recipe.name) != recipe.name:
        raise ValueError(f"{file} is for another recipe than {recipe.name!r}")
    for assignment in assignments:
        _assign(given, assignment)
    loop = _checked(LoopSettings, given.pop(LOOP, {}), place=f"{LOOP}.")
    _require_known(given, recipe.config)
    given = {name: str(root) for name, root in roots.items() if name in _names(recipe.config)} | given
    config = _checked(recipe.config, given, place="")
    pinned = recipe.pinned(config)
    return Configuration(pinned, loop, _table(recipe, pinned, loop), _table(recipe, config, loop))


def continued(recipe: Recipe, configuration: Configuration, former: Mapping[str, Any]) -> Configuration:
    """Return the settings with what "current" meant when the run of the table `former` began."""
    pins = {key: former[key] for key in configuration.table if key not in configuration.asked and key in former}
    if all(configuration.table[key] == value for key, value in pins.items()):
        return configuration
    given = {key: value for key, value in configuration.asked.items() if key not in ("recipe", LOOP)}
    config = _checked(recipe.config, given | pins, place="")
    return replace(configuration, recipe=config, table=_table(recipe, config, configuration.loop))


def without_free(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table flat, by dotted keys, without the settings that a model does not depend on."""
    return {key: value for key, value in _flat(table) if key not in FREE}


def differences(former: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Return what differs between two tables of settings: by its key, a sentence for a person."""
    before, after = dict(_flat(former)), dict(_flat(now))
    return {
        key: f"{key} was {before.get(key, 'not given')!r} and is {after.get(key, 'not given')!r}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    }


def _table(recipe: Recipe, config: object, loop: LoopSettings) -> dict[str, Any]:
    return {"recipe": recipe.name, **_plain(recipe.config, config), LOOP: _plain(LoopSettings, loop)}


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
