"""What a measurement was to reach, beside what it came to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.documents import markdown_table, write_between_markers


@dataclass(frozen=True, slots=True)
class Target:
    """A figure, and the most or, with `is_least`, the least that it should be."""

    name: str
    found: float
    limit: float
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.found >= self.limit if self.is_least else self.found <= self.limit

    @property
    def wanted(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.limit:,g}"


def target_table(targets: Sequence[Target]) -> str:
    """Return a Markdown table, one line for each target."""
    rows: list[tuple[object, ...]] = [
        (each.name, _text(each.found), each.wanted, "yes" if each.is_met else "**no**") for each in targets
    ]
    return markdown_table(("target", "measured", "wanted", "met"), rows)


def missed(targets: Sequence[Target]) -> list[str]:
    """Return a sentence for each target that was missed."""
    return [f"{each.name}: {_text(each.found)}, wanted {each.wanted}" for each in targets if not each.is_met]


def report(name: str, tables: str, targets: Sequence[Target], *, for_docs: bool) -> None:
    """Tell which targets were missed; put `tables` between the markers `name` of docs/performance.md, or print them."""
    for sentence in missed(targets):
        print(f"MISSED {sentence}", file=sys.stderr)
    if for_docs:
        write_between_markers("performance.md", name, tables)
    else:
        print(f"{tables}\n\nToo little was measured for the docs; without options they are written there.")


def _text(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.2f}"
