"""Checks that the settings of many recipes need, each with the name of the setting in its error."""

from __future__ import annotations


def require_counts(config: object, *names: str) -> None:
    """Raise ValueError unless each of the settings `names` is at least 1, or None."""
    for name in names:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def require_above_zero(config: object, *names: str) -> None:
    """Raise ValueError unless each of the settings `names` is above 0; what is no number is not."""
    for name in names:
        if not getattr(config, name) > 0:
            raise ValueError(f"{name} must be above 0, got {getattr(config, name)}")
