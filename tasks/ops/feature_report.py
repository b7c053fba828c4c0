"""The card of features: what they were made of, how to read them, and rows with those nearest to them, as pictures."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

from storage.bundles import Facts
from storage.features import FeatureFacts
from storage.names import without_controls
from storage.reading import OpenVersion
from storage.versions import Version
from tasks.ops.contact_sheet import contact_sheet
from tasks.ops.markdown import code_span

ASKED, NEAREST = 6, 7
SEARCHED = 20_000
"""Rows among which the nearest are looked for; more would make of a picture a search."""
_THUMBNAIL = 96
_JPEG_QUALITY = 88


def features_card(name: str, number: int, facts: FeatureFacts, made_of: Facts, *, picture: str) -> str:
    """Return the card of a version as Markdown; `picture` is what `neighbours_picture` returned."""
    sections = [
        f"# {name}, version {number}",
        f"A vector of {facts.dimensions:,} numbers for each of {sum(facts.rows):,} rows of `{facts.source.dataset}`.",
        "## Made of",
        _table([(key, code_span(without_controls(value))) for key, value in made_of]),
        "## Rows and the rows nearest to them, by cosine",
        picture or "It has too few rows for that.",
        "## Reading them",
        "```python\n" + _READING.format(name=name, number=number) + "\n```",
    ]
    return "\n\n".join(sections) + "\n"


_READING = """from pathlib import Path
from storage.features import open_features
from storage.tiers import Tiers

with open_features(Tiers(slow=Path("/big/disk"), fast=Path("/quick/disk")), "{name}", number={number}) as features:
    features.matrix   # (rows, dimensions) float32, rows in the order of the dataset's version
    features.source   # that version"""


def neighbours_picture(matrix: NDArray[np.float32], version: OpenVersion[Version], side: int) -> str:
    """Return rows of a version, each before the rows nearest to it, as an embedded picture; nothing for too few rows.

    `matrix` is `(n, dimensions)` float32, the vectors of all rows.
    """
    searched = np.linspace(0, len(matrix) - 1, min(len(matrix), SEARCHED)).astype(np.int64)
    if len(searched) <= NEAREST:
        return ""
    asked = searched[np.linspace(0, len(searched) - 1, ASKED).astype(np.int64)]
    rows = nearest_rows(matrix, asked, among=searched, count=NEAREST + 1)
    shown = rows.reshape(-1)
    captions = [version.classes[label] for label in version.labels[shown].tolist()]
    sheet = contact_sheet(version.rows(side)[shown], captions, columns=NEAREST + 1, thumbnail=_THUMBNAIL)
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=_JPEG_QUALITY)
    return f"![rows and those nearest to them](data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()})"


def nearest_rows(
    matrix: NDArray[np.float32], asked: NDArray[np.int64], *, among: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return the `count` rows of `among` nearest to each of `asked` by cosine, `(len(asked), count)`.

    A row is the nearest to itself; a vector of zeros is near to nothing.
    """
    vectors = matrix[among].astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    places = np.searchsorted(among, asked)
    cosines = units[places] @ units.T
    cosines[np.arange(len(asked)), places] = np.inf
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return among[order]


def _table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["|  |  |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows)])
