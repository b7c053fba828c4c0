"""What pydantic has against a configuration, as one sentence for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def in_one_sentence(error: ValidationError) -> str:
    """Return what is wrong and where, the problems separated by semicolons."""
    problems = error.errors()
    # Where several types are allowed, pydantic names what each has against the value. Ours say what is meant.
    ours = [problem for problem in problems if problem["type"] == "value_error"]
    return "; ".join(dict.fromkeys(_sentence(problem) for problem in ours or problems))


def _sentence(problem: ErrorDetails) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] != "value_error":
        text = f"{text[0].lower()}{text[1:]}, got {problem['input']!r:.80}"
    return f"{place}: {text}" if place else text
