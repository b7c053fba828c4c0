"""What pages and cards are made of: names that others chose shown as they are, tables, pictures. Pure text."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Literal


def code_span(text: str) -> str:
    """Return `text` as Markdown that shows it as it is, whatever Markdown or HTML a file name holds.

    Entities would not do: Prefect's pages show them as they are written.
    """
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    # Also inside a code span, a bare | would end the cell of a table.
    return f"{fence}{padding}{text.replace('|', chr(92) + '|')}{padding}{fence}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bare | would end a cell, but for those that `code_span` returns."""
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def embedded(text: str, content: bytes, *, kind: Literal["jpeg", "png"]) -> str:
    """Return the picture in an encoded file as Markdown that needs no file beside it, captioned for who sees none."""
    return f"![{text}](data:image/{kind};base64,{base64.b64encode(content).decode('ascii')})"
