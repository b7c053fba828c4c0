"""Plain values as TOML, which Python reads but does not write: tables, arrays of tables, lists, numbers, texts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(table: Mapping[str, Any]) -> str:
    """Return a table as TOML; `tomllib.loads` gives back an equal one. None is left out: TOML has none."""
    return "\n".join(_lines(_without_none(table), ()))


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    simple = {key: value for key, value in table.items() if not _is_table(value) and not _is_tables(value)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in simple.items()]
    for key, value in table.items():
        name = ".".join(map(_key, (*path, key)))
        if _is_table(value):
            lines += ["", f"[{name}]", *_lines(value, (*path, key))]
        elif _is_tables(value):
            # Tables below those of an array are written inline: there they would need the whole path again.
            for each in value:
                lines += ["", f"[[{name}]]", *(f"{_key(inner)} = {_value(own)}" for inner, own in each.items())]
    return [*lines, ""] if not path else lines


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for the one character that JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(own)}" for key, own in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    raise TypeError(f"TOML has no {type(value).__name__}: {value!r:.80}")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(map(_is_table, value))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(own) for key, own in value.items() if own is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_none(own) for own in value]
    return value
