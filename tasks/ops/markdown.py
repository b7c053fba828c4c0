"""Names that others chose, as Markdown that shows them as they are."""

from __future__ import annotations

import re


def code_span(text: str) -> str:
    """Return `text` as Markdown that shows it as it is, whatever Markdown or HTML a file name holds.

    Entities would not do: Prefect's pages show them as they are written.
    """
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    # Also inside a code span, a bare | would end the cell of a table.
    return f"{fence}{padding}{text.replace('|', chr(92) + '|')}{padding}{fence}"
