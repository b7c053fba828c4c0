"""The card of features: what they were made of, how to read them, and rows with those nearest to them, as pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storage.bundles import Facts
from storage.features import FeatureFacts
from storage.names import without_controls
from storage.reading import OpenVersion
from storage.versions import Version
from tasks.ops.contact_sheet import contact_sheet, embedded_sheet
from tasks.ops.exact_search import nearest_rows
from tasks.ops.markdown import code_span, markdown_table
from tasks.ops.word_queries import unit_vectors

ASKED, NEAREST = 6, 7
SEARCHED = 20_000
"""Rows among which the nearest are looked for; more would make of a picture a search."""
_THUMBNAIL = 96


def features_card(name: str, number: int, facts: FeatureFacts, made_of: Facts, *, picture: str) -> str:
    """Return the card of a version as Markdown; `picture` is what `neighbours_picture` returned."""
    sections = [
        f"# {name}, version {number}",
        f"A vector of {facts.dimensions:,} numbers for each of {sum(facts.rows):,} rows of `{facts.source.dataset}`.",
        "## Made of",
        markdown_table(("", ""), [(key, code_span(without_controls(value))) for key, value in made_of]),
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


def searched_rows(count: int) -> NDArray[np.int64]:
    """Return the rows among which the picture looks for neighbours: all of `count`, or some spread over them."""
    return np.linspace(0, count - 1, min(count, SEARCHED)).astype(np.int64)


def neighbours_picture(
    searched: NDArray[np.int64], vectors: NDArray[np.float32], version: OpenVersion[Version], side: int
) -> str:
    """Return some of the rows `searched`, each before those nearest to it by cosine, as an embedded picture.

    `vectors` are theirs, `(len(searched), dimensions)` float32. Of too few rows there is nothing.
    """
    if len(searched) <= NEAREST:
        return ""
    asked = np.linspace(0, len(searched) - 1, ASKED).astype(np.int64)
    shown = searched[neighbours(vectors, asked, count=NEAREST)].reshape(-1)
    captions = [version.classes[label] for label in version.labels[shown].tolist()]
    sheet = contact_sheet(version.rows(side)[shown], captions, columns=NEAREST + 1, thumbnail=_THUMBNAIL)
    return embedded_sheet(sheet, "rows and those nearest to them")


def neighbours(vectors: NDArray[np.float32], asked: NDArray[np.int64], *, count: int) -> NDArray[np.int64]:
    """Return each of `asked`, and after it the `count` rows nearest to it, `(len(asked), 1 + count)`.

    A vector of zeros is near to nothing.
    """
    units = unit_vectors(vectors)
    found = nearest_rows(units[asked], units, count=count + 1).rows
    others = [row[row != own][:count] for row, own in zip(found, asked, strict=True)]
    return np.column_stack([asked, np.stack(others)])
