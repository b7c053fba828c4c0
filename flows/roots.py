"""Where the slow and the fast root are: options first, then the environment, then imagemill.toml."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from storage.tiers import Tiers

SETTINGS_FILE = "imagemill.toml"


def chosen_tiers(slow: Path | None, fast: Path | None) -> Tiers:
    """Return the two roots; the fast one defaults to the slow one.

    Raises:
        ValueError: no slow root is given anywhere, or the settings file is wrong.
    """
    settings = read_settings(Path(SETTINGS_FILE))
    slow = slow or _from_environment("IMAGEMILL_SLOW") or settings.get("slow")
    fast = fast or _from_environment("IMAGEMILL_FAST") or settings.get("fast") or slow
    if slow is None or fast is None:
        raise ValueError(
            f'where should arrays be kept? Give --slow DIR, or set IMAGEMILL_SLOW, or write slow = "/path" '
            f"into {SETTINGS_FILE} in this folder (and --fast, IMAGEMILL_FAST, fast for the quick disk)"
        )
    return Tiers(slow.absolute(), fast.absolute())


def optional_tiers(slow: Path | None, fast: Path | None) -> Tiers | None:
    """Return the two roots as `chosen_tiers` does, or None where none is given."""
    named = slow or _from_environment("IMAGEMILL_SLOW") or read_settings(Path(SETTINGS_FILE)).get("slow")
    return chosen_tiers(slow, fast) if named else None


def read_settings(path: Path) -> dict[str, Path]:
    """Return the roots named in a settings file, none if there is no such file."""
    if not path.is_file():
        return {}
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    unknown = set(settings) - {"slow", "fast"}
    if unknown or not all(isinstance(value, str) for value in settings.values()):
        raise ValueError(f'{path} may hold slow = "…" and fast = "…" only, it holds {", ".join(sorted(settings))}')
    return {name: path.parent / value for name, value in settings.items()}


def _from_environment(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None
