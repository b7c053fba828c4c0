"""Draws rows of a published version for a person."""

from __future__ import annotations

from pathlib import Path

from storage.reading import open_version
from storage.tiers import Tiers
from tasks.ops.class_words import class_word
from tasks.ops.contact_sheet import contact_sheet

COLUMNS, THUMBNAIL = 8, 128


def draw_rows(tiers: Tiers, dataset: str, output: Path, *, side: int | None, rows: str) -> dict[str, object]:
    """Write rows `first:stop` of a dataset's current version to a PNG; return what was drawn.

    Raises:
        UnknownDataset: there is no such dataset or size.
        ValueError: `rows` is not `first:stop`, or no row lies in it.
    """
    with open_version(tiers, dataset) as version:
        first, stop = _bounds(rows, len(version))
        drawn_side = max(version.sides) if side is None else side
        captions = [class_word(version.classes[label]) for label in version.labels[first:stop]]
        images = version.rows(drawn_side)[first:stop]
        output.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(images, captions, columns=COLUMNS, thumbnail=THUMBNAIL).save(output, "PNG")
        return {
            "output": str(output),
            "version": version.version.number,
            "size": drawn_side,
            "first": first,
            "last": stop - 1,
        }


def _bounds(rows: str, length: int) -> tuple[int, int]:
    first, colon, stop = rows.partition(":")
    if not colon or not (first or "0").isdecimal() or not (stop or "0").isdecimal():
        raise ValueError(f"--rows should be FIRST:STOP such as 0:64, got {rows!r}")
    start, end = int(first or 0), min(int(stop or length), length)
    if start >= end:
        raise ValueError(f"--rows {rows} holds no row; the version has rows 0:{length}")
    return start, end
