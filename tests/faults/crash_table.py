"""What the tests of crashes measured, as a table: `python -m tests.faults.crash_table` writes it into the docs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "operations.md"
BEGIN, END = "<!-- crashes: written by python -m tests.faults.crash_table -->", "<!-- end of crashes -->"
RECORDS = "IMAGEMILL_CRASH_ROWS"
"""Folder for the rows; without it nothing is kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is hit, by which signal, the state of the run in Prefect, seconds until that stood, and what is left."""

    what: str
    signal: str
    state: str
    seconds: float
    left: str


def record(row: Row) -> None:
    """Keep a row for the table."""
    if folder := os.environ.get(RECORDS):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{row.what}-{row.signal}.json".replace(" ", "-")).write_text(json.dumps(asdict(row)))


def table(folder: Path) -> str:
    """Return the rows as Markdown."""
    rows = [Row(**json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
    lines = ["| what | by | its run becomes | after | what is left |", "|---|---|---|---|---|"]
    lines += [f"| {row.what} | {row.signal} | {row.state} | {row.seconds:,.0f} s | {row.left} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Put the table where the page has the last one."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    assert rest, f"{PAGE} has no place for the table: {BEGIN}"
    folder = Path(os.environ.get(RECORDS, REPOSITORY / "build" / "crashes"))
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(folder)}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
