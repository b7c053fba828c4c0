"""Puts measured tables where the docs hold them, so that no figure is typed by hand."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def write_between_markers(document: str, name: str, table: str) -> None:
    """Print `table` and put it between the lines `<!-- name -->` and `<!-- end of name -->` of a document.

    Raises:
        ValueError: where the document has no such lines.
    """
    print(f"{table}\n")
    path = DOCS / document
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text, places = re.subn(
        f"{re.escape(first)}.*?{re.escape(last)}",
        lambda _: f"{first}\n{table}\n{last}",
        path.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if places != 1:
        raise ValueError(f"{path} must hold the lines {first} and {last} once, found {places}")
    path.write_text(text, encoding="utf-8")


def markdown_table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
