"""What a person wants to see of a prepared version: a card with pictures, figures and how to read it. Pure text."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from storage.reading import OpenVersion
from storage.tiers import Tiers
from storage.versions import Version
from tasks.ops.class_words import class_word
from tasks.ops.contact_sheet import contact_sheet, embedded_sheet
from tasks.ops.markdown import code_span, markdown_table
from tasks.ops.refusal_report import Refusals

SHOWN_REFUSED = 20
"""Refused images on a card or at the terminal."""
SHOWN_CLASSES = 20

SHEET_IMAGES, SHEET_COLUMNS, SHEET_THUMBNAIL = 48, 12, 80


@dataclass(frozen=True, slots=True)
class BuildFigures:
    """What the building took: images that went through workers, wall seconds, CPU seconds of the workers."""

    images: int
    seconds: float
    cpu_seconds: float

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def cpu_ms_per_image(self) -> float:
        return 1000 * self.cpu_seconds / self.images if self.images else 0.0


def sample_sheet(opened: OpenVersion, *, images: int = SHEET_IMAGES) -> Image.Image:
    """Draw a contact sheet of the first rows of a version; they are in shuffled order, so they are a sample."""
    side = min(opened.sides, key=lambda side: abs(side - 2 * SHEET_THUMBNAIL))
    count = min(images, len(opened))
    captions = [class_word(opened.classes[label]) for label in opened.labels[:count]]
    return contact_sheet(opened.rows(side)[:count], captions, columns=SHEET_COLUMNS, thumbnail=SHEET_THUMBNAIL)


def card_markdown(
    tiers: Tiers,
    dataset: str,
    version: Version,
    refusals: Refusals,
    figures: BuildFigures,
    sheet: Image.Image,
    *,
    set_aside: tuple[str, ...] = (),
) -> str:
    """Return the card of a version as Markdown, its contact sheet embedded."""
    sizes = ", ".join(map(str, version.parameters.sides))
    rows = [
        ("version", f"{version.number} (`{version.identity[:16]}`)"),
        ("stored + refused = listed", f"{version.stored:,} + {version.refused:,} = {version.listed:,}"),
        ("classes", f"{len(version.classes):,}"),
        *([("classes set aside for lack of a word vector", _set_aside_text(set_aside))] if set_aside else []),
        ("sizes", f"{sizes} px, {version.parameters.array_format}, {version.parameters.fidelity}"),
        ("shards", f"{len(version.shards):,}"),
        ("bytes", f"{version.bytes / 1e6:,.1f} MB"),
        ("built in this run", build_text(figures)),
        ("source", code_span(version.source)),
        ("plan", f"`{version.plan}`"),
        ("libraries", ", ".join(f"{name} {number}" for name, number in version.parameters.libraries)),
    ]
    return "\n".join(
        [
            f"# {dataset}, version {version.number}",
            "",
            embedded_sheet(sheet, "contact sheet"),
            "",
            markdown_table(("", ""), rows),
            "",
            "## Refused images",
            "",
            _refused_text(refusals),
            "",
            "## Reading it",
            "",
            *_reading(tiers, dataset, side=version.parameters.sides[0]),
            "",
        ]
    )


def _reading(tiers: Tiers, dataset: str, *, side: int) -> list[str]:
    return [
        "```python",
        "from pathlib import Path",
        "from storage import Tiers, open_version",
        "",
        f"tiers = Tiers(slow=Path({str(tiers.slow)!r}), fast=Path({str(tiers.fast)!r}))",
        f'with open_version(tiers, "{dataset}") as version:',
        f"    images = version.rows({side})[0:64]   # (64, side, side, 3) uint8 RGB",
        "    labels, splits = version.labels[0:64], version.splits[0:64]",
        "```",
    ]


def _set_aside_text(classes: tuple[str, ...]) -> str:
    named = ", ".join(code_span(name) for name in classes[:SHOWN_CLASSES])
    more = f" and {len(classes) - SHOWN_CLASSES:,} more" if len(classes) > SHOWN_CLASSES else ""
    return f"{len(classes):,}: {named}{more}"


def build_text(figures: BuildFigures) -> str:
    """Tell how many images were built, how fast and at what cost."""
    if not figures.images:
        return "nothing: every shard was there"
    return (
        f"{figures.images:,} images, {figures.images_per_second:,.0f} images/s, "
        f"{figures.cpu_ms_per_image:.2f} CPU ms per image"
    )


def _refused_text(refusals: Refusals) -> str:
    if not refusals.total:
        return "None."
    table = markdown_table(
        ("reason", "images"), [(reason, f"{count:,}") for reason, count in refusals.by_reason.items()]
    )
    shown = [(code_span(one.name), f"{one.reason}: {code_span(one.detail)}") for one in refusals.first[:SHOWN_REFUSED]]
    return f"{table}\n\n{markdown_table(('image', 'why'), shown)}\n\nAll of them: `{refusals.report}`"
