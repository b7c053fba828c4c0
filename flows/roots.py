"""Where the slow and the fast root are: options first, then the environment, then imagemill.toml."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from storage.tiers import Tiers

SETTINGS_FILE = "imagemill.toml"

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a settings file says; None where it is silent. The budget is in bytes."""

    slow: Path | None = None
    fast: Path | None = None
    fast_budget: int | None = None


def chosen_tiers(slow: Path | None, fast: Path | None, *, fast_budget: str | None = None) -> Tiers:
    """Return the two roots, and the budget of the fast one; it defaults to the slow one, without a budget.

    Raises:
        ValueError: no slow root is given anywhere, the budget is no size, or the settings file is wrong.
    """
    settings = read_settings(Path(SETTINGS_FILE))
    slow = slow or _path_from_environment("IMAGEMILL_SLOW") or settings.slow
    fast = fast or _path_from_environment("IMAGEMILL_FAST") or settings.fast or slow
    if slow is None or fast is None:
        raise ValueError(
            f'where should arrays be kept? Give --slow DIR, or set IMAGEMILL_SLOW, or write slow = "/path" '
            f"into {SETTINGS_FILE} in this folder (and --fast, IMAGEMILL_FAST, fast for the quick disk)"
        )
    return Tiers(slow.absolute(), fast.absolute(), _chosen_budget(fast_budget, settings))


def optional_tiers(slow: Path | None, fast: Path | None) -> Tiers | None:
    """Return the two roots as `chosen_tiers` does, or None where none is given."""
    named = slow or _path_from_environment("IMAGEMILL_SLOW") or read_settings(Path(SETTINGS_FILE)).slow
    return chosen_tiers(slow, fast) if named else None


def read_settings(path: Path) -> Settings:
    """Return what a settings file says, nothing if there is no such file."""
    if not path.is_file():
        return Settings()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    if set(found) - {"slow", "fast", "fast_budget"} or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(
            f'{path} may hold slow = "…", fast = "…" and fast_budget = "200GB" only, it holds '
            + ", ".join(f"{name} = {value!r}" for name, value in sorted(found.items()))
        )
    roots = {name: path.parent / found[name] for name in ("slow", "fast") if name in found}
    budget = found.get("fast_budget")
    return Settings(**roots, fast_budget=parsed_size(budget, f"fast_budget in {path}") if budget else None)


def parsed_size(text: str, name: str) -> int:
    """Return the bytes that `text` means: 500MB and 1.5GB count in powers of 1000, 200GiB in powers of 1024.

    Raises:
        ValueError: it means none; `name` says where it was written.
    """
    parts = _SIZE.fullmatch(text.strip())
    if parts is None:
        raise ValueError(f"{name} should be a size such as 500MB, 1.5GB or 200GiB, got {text!r}")
    number, prefix, binary = parts.groups()
    size = int(float(number) * (1024 if binary else 1000) ** _POWERS[prefix.lower()])
    if size < 1:
        raise ValueError(f"{name} should be more than nothing, got {text!r}; to keep no copies, give no fast root")
    return size


def _chosen_budget(option: str | None, settings: Settings) -> int | None:
    if option:
        return parsed_size(option, "--fast-budget")
    if variable := os.environ.get("IMAGEMILL_FAST_BUDGET"):
        return parsed_size(variable, "IMAGEMILL_FAST_BUDGET")
    return settings.fast_budget


def _path_from_environment(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None
