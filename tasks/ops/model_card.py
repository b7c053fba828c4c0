"""The card of a registered model: figures, what it is made of, curve and samples. Pure text, made once and kept."""

from __future__ import annotations

from collections.abc import Mapping

from storage.models import FigureTable, ModelResult
from storage.names import without_controls
from tasks.ops.finished_runs import FinishedRun, model_facts
from tasks.ops.markdown import code_span, markdown_table
from tasks.ops.run_curve import curve_in
from tasks.ops.run_page import curve_image, sample_images

SHOWN_GROUPS = 30


def model_card(name: str, number: int, run: FinishedRun) -> str:
    """Return the card of a version as Markdown, its pictures embedded. Whether it is promoted is told elsewhere."""
    metric = run.lineage.metric
    lines = curve_in(run.directory.metrics.read_bytes())
    sections = [
        f"# {name}, version {number}",
        figures_text(run.result, decides=metric.name if metric else None),
        curve_image(lines, decides=metric.name if metric else None),
        *sample_images(run.directory),
        "## Made of",
        markdown_table(("", ""), [(key, _shown(value)) for key, value in model_facts(run)]),
        "## Settings",
        _fenced(run.config, "toml"),
        "## Using it",
        _fenced(_READING.format(reference=f"{name}@{number}"), "python"),
    ]
    return "\n\n".join(sections) + "\n"


_READING = """from pathlib import Path
from storage.models import open_model
from storage.tiers import Tiers

with open_model(Tiers(slow=Path("/big/disk"), fast=Path("/quick/disk")), "{reference}") as model:
    model.weights, model.config  # paths of weights.pt and config.toml, checked against their hashes"""


def figures_text(result: ModelResult, *, decides: str | None) -> str:
    """Return the figures on held-out rows, those of groups below them."""
    if result.held_out is None:
        return "This recipe does not measure finished models on held-out rows."
    metrics = result.held_out.metrics
    rows = [(_shown(name), figure_text(value), "decides" * (name == decides)) for name, value in metrics.items()]
    sections = [
        "## On held-out rows",
        *map(_table_text, result.held_out.tables),
        markdown_table(("figure", "value", ""), rows),
        *([_groups_text(result.held_out.groups)] if result.held_out.groups else []),
    ]
    return "\n\n".join(sections)


def figure_text(value: float | None) -> str:
    """Return a figure for a person."""
    return "no number" if value is None else f"{value:.6g}"


def _table_text(table: FigureTable) -> str:
    rows = [[_plain(cell) for cell in row] for row in table.rows]
    parts = [f"### {_plain(table.title)}", markdown_table([_plain(cell) for cell in table.header], rows)]
    return "\n\n".join([*parts, *([_plain(table.note)] if table.note else [])])


def _plain(text: str) -> str:
    """Return a recipe's own text so that it ends no cell and no line."""
    return without_controls(text).replace("|", "\\|")


def _groups_text(groups: Mapping[str, Mapping[str, float | None]]) -> str:
    names = list(dict.fromkeys(name for metrics in groups.values() for name in metrics))
    shown = list(groups.items())[:SHOWN_GROUPS]
    rows = [(_shown(group), *(figure_text(metrics.get(name)) for name in names)) for group, metrics in shown]
    more = f"\n\nAnd {len(groups) - SHOWN_GROUPS} more, in result.json." if len(groups) > SHOWN_GROUPS else ""
    return markdown_table(("part of the rows", *map(_shown, names)), rows) + more


def _shown(text: str) -> str:
    """Return a name that others chose as it is, on one line."""
    return code_span(without_controls(text))


def _fenced(text: str, language: str) -> str:
    """Return text as a block of code that it cannot end, whatever it holds."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
