"""What was refused of a finished plan: counted, and written to a file that names every image."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.durable import write_durably
from storage.errors import TooManyRefused
from storage.layout import DatasetFolder
from storage.names import without_controls
from storage.plans import Plan, receipts_of
from storage.refused import Refused

REPORT = "refused.csv"
KEPT_REFUSED = 500
"""So many refused inputs are kept at hand for pages; the report has every one."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refused inputs of a finished plan: how many for each reason, the first of them, and the file of all."""

    by_reason: dict[str, int]
    first: tuple[Refused, ...]
    listed: int
    report: Path
    """The file of all; once a version is published, the one that it holds."""

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())


def refusals_of(folder: DatasetFolder, plan: Plan, *, report: Path) -> Refusals:
    """Return what was refused of a finished plan, the commonest reason first; `report` is the file that has it."""
    return _summed(refused_of(folder, plan), plan, report)


def report_refused(folder: DatasetFolder, plan: Plan, scratch: Path) -> Refusals:
    """Write every refused input of a finished plan to a CSV file with name, reason and detail; sum them up.

    The version gets the copy in the run's own `scratch` folder: another run of the same plan removes the report.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "reason", "detail"))

    def written() -> Iterator[Refused]:
        for refused in refused_of(folder, plan):
            writer.writerow((refused.name, refused.reason, without_controls(refused.detail)))
            yield refused

    refusals = _summed(written(), plan, folder.refused(plan.identity))
    content = text.getvalue().encode("utf-8")
    write_durably(refusals.report, content)
    (scratch / REPORT).write_bytes(content)
    return refusals


def _summed(refused: Iterable[Refused], plan: Plan, report: Path) -> Refusals:
    by_reason: Counter[str] = Counter()
    first: list[Refused] = []
    for one in refused:
        by_reason[one.reason.value] += 1
        if len(first) < KEPT_REFUSED:
            first.append(one)
    return Refusals(dict(by_reason.most_common()), tuple(first), plan.listed, report)


def refused_of(folder: DatasetFolder, plan: Plan) -> Iterator[Refused]:
    """Yield the refused inputs of a finished plan, in the order of the plan."""
    for _, receipt in receipts_of(folder, plan):
        yield from receipt.refused


def require_few_refused(refusals: Refusals, max_refused: float) -> None:
    """Check that a version may be published.

    Raises:
        TooManyRefused: more than the share `max_refused` in [0, 1] of the listed inputs was refused.
    """
    if refusals.total > max_refused * refusals.listed:
        reasons = ", ".join(f"{count} {reason}" for reason, count in refusals.by_reason.items())
        raise TooManyRefused(
            f"{refusals.total} of {refusals.listed} images were refused ({reasons}), the limit is {max_refused:.1%}: "
            f"nothing was published. See {refusals.report}",
            path=refusals.report,
            need=f"at most {max_refused:.1%} refused",
            have=f"{refusals.total} of {refusals.listed}",
            remedy="if they really are bad, allow more with --max-refused",
        )
