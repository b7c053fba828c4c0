"""Lines for a person at a terminal, whoever wrote the names in them, and JSON for machines."""

from __future__ import annotations

import json

import msgspec
import typer


def say(line: str, *, err: bool = False) -> None:
    """Print one line to standard output, or to standard error. What it holds of controls is shown, and not obeyed."""
    typer.echo(printable(line), err=err)


def printable(text: str) -> str:
    """Return `text` as one line in which nothing moves the cursor or changes a colour."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def as_text(value: object) -> str:
    """Return `value` as one line of JSON."""
    return json.dumps(msgspec.to_builtins(value, enc_hook=str, str_keys=True))
