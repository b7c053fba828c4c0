"""Writes docs/reliability.md from what the fault tests recorded. All its figures come from there, and only from there.

`python -m tests.faults.reliability_page begin` forgets former figures and notes date and commit;
`python -m tests.faults.reliability_page STATUS` writes the page; the exit status of pytest says whether all passed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.figures import FOLDER

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = Path(__file__).with_name("reliability_template.md")
PAGE = REPOSITORY / "docs" / "reliability.md"
RUN = FOLDER / "run.json"
NOT_RUN = "not run"
FAILED = " **Some of the tests failed.**"


@dataclass(frozen=True)
class Promise:
    """One row of the table: a kind of fault, and what must hold when it strikes."""

    title: str
    fault: str
    promise: str


PROMISES = {
    1: Promise(
        "Killed",
        "`kill -9` at random times, HDF5 and bcolz, one to three workers",
        "no row lost, doubled or wrong; continued, it ends as if undisturbed; at most one shard per worker is redone",
    ),
    2: Promise("Killed at every system call", "killed right before each system call of a small job", "the same"),
    3: Promise(
        "Power cut",
        "everything that was not synced is dropped, kept in part or reordered",
        "the old version or the new one, never a mixture",
    ),
    4: Promise(
        "Disk full or failing",
        "ENOSPC, EIO, EDQUOT at each write, sync, rename and link; a small disk filled to every level",
        "a named error and its exit code; nothing published, nothing published before is touched; it can be continued",
    ),
    5: Promise(
        "Damage on disk",
        "one bit flipped, cut short, deleted or swapped, in any published file, records included",
        "`verify --full` finds it; a damaged chunk raises and never reads as other pixels; `repair` mends just that",
    ),
    6: Promise(
        "Runs at the same time",
        "two to four runs within half a second, with locks and with locks that lock nothing",
        "one result, no mixture; with locks, the others end within 2 s and say who is at work",
    ),
    7: Promise(
        "A run that was stopped",
        "stopped (SIGSTOP), overtaken by another run, continued",
        "it cannot publish over the newer version",
    ),
    8: Promise(
        "Readers at work",
        "two readers that never stop, during builds, garbage collection, staging, eviction and repair",
        "no error, and no version that mixes two",
    ),
    9: Promise(
        "Hostile and changing images",
        "mutated images, files made to harm, files that change while they are read",
        "no crash and no hang, memory within its limit; each is stored whole or refused with a reason",
    ),
    10: Promise(
        "Hostile datasets",
        "bcolz, HDF5, Parquet and JSON made to run code or to read other files",
        "no code runs, nothing outside is read, a clear refusal",
    ),
    11: Promise(
        "Prefect lost",
        "its database deleted, its server killed during a run",
        "the dataset is unaffected, and the next run continues",
    ),
    12: Promise(
        "The checks themselves",
        "sync, rename into place, reading back, locks and hash checks switched off one at a time",
        "the tests above notice each",
    ),
}


@dataclass(frozen=True)
class Line:
    """What one test recorded."""

    row: int
    fault: str
    injected: int
    held: int
    suite: str
    details: dict[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """When the tests ran, and on what."""

    date: str
    commit: str
    is_clean: bool

    def __str__(self) -> str:
        changes = "" if self.is_clean else ", with changes that were not committed"
        return f"Run of {self.date}, commit `{self.commit}`{changes}."


def begin() -> None:
    """Forget the figures of former runs, and note what is tested from now on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.jsonl"):
        path.unlink()
    changes = _git("status", "--porcelain", "--", ".", f":!{PAGE.relative_to(REPOSITORY)}")
    run = Run(datetime.now(UTC).date().isoformat(), _git("rev-parse", "--short=12", "HEAD"), not changes)
    RUN.write_text(json.dumps(asdict(run)), encoding="utf-8")


def recorded() -> list[Line]:
    """Return all that the tests recorded since `begin`."""
    lines = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        for text in path.read_text(encoding="utf-8").splitlines():
            found = json.loads(text)
            known = {name: found.pop(name) for name in ("row", "fault", "injected", "held", "suite")}
            lines.append(Line(**known, details=found))
    return lines


def page(lines: list[Line], run: Run | None, *, all_passed: bool) -> str:
    """Return the page as Markdown.

    Raises:
        ValueError: a test recorded a row that the table does not have.
    """
    if unknown := {line.row for line in lines} - set(PROMISES):
        raise ValueError(f"the table has rows {min(PROMISES)} to {max(PROMISES)}, a test recorded {sorted(unknown)}")
    parts = {
        "run": f"{run}{'' if all_passed else FAILED}" if run else "The tests have not been run.",
        "promises": _promises(lines),
        "faults": "\n\n".join(_section(row, lines) for row in PROMISES),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace("{{" + name + "}}", part)
    return text


def _promises(lines: list[Line]) -> str:
    # Without a single slow test, `make test-all` did not run; with one, it ran all of the others too.
    in_full = any(line.suite == "slow" for line in lines)
    rows = [
        (
            str(row),
            promise.fault,
            promise.promise,
            held_of(line for line in lines if line.row == row and line.suite == "fast"),
            held_of(line for line in lines if line.row == row and in_full),
        )
        for row, promise in PROMISES.items()
    ]
    return table(("", "fault", "must hold", "`make test`", "`make test-all`"), rows)


def _section(row: int, lines: list[Line]) -> str:
    mine = [line for line in lines if line.row == row]
    rows = []
    for fault in dict.fromkeys(line.fault for line in mine):
        alike = [line for line in mine if line.fault == fault]
        suites = [held_of(line for line in alike if line.suite == suite) for suite in ("fast", "slow")]
        rows.append((fault, *suites, told(max(alike, key=lambda line: line.injected).details)))
    head = f"### {row}. {PROMISES[row].title}\n\n"
    return head + (table(("fault", "`make test`", "`make test-all` only", ""), rows) if rows else "Not run.")


def held_of(lines: Iterable[Line]) -> str:
    """Return how many of the faults in `lines` ended as promised; a broken promise stands out."""
    counts = [(line.held, line.injected) for line in lines]
    if not counts:
        return NOT_RUN
    held, injected = (sum(column) for column in zip(*counts, strict=True))
    text = f"{held:,} of {injected:,}"
    return text if held == injected else f"**{text}**"


def told(details: dict[str, int | float | str]) -> str:
    """Return the further figures of a test as text."""
    shown = ((name.replace("_", " "), value) for name, value in details.items())
    return "; ".join(
        f"{name} {value:,}" if isinstance(value, int | float) else f"{name}: {value}" for name, value in shown
    )


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout.strip()


def main() -> None:
    """Begin a run, or write the page of the last one."""
    (argument,) = sys.argv[1:]
    if argument == "begin":
        return begin()
    run = Run(**json.loads(RUN.read_text(encoding="utf-8"))) if RUN.exists() else None
    PAGE.write_text(page(recorded() if run else [], run, all_passed=argument == "0"), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
