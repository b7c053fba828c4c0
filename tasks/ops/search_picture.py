"""Draws what a search found, with the pictures of the rows, into one PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.durable import partial_name
from tasks.ops.image_search import ImageSearch
from tasks.ops.search_lines import found_lines, searched_line, short_question_lines
from tasks.ops.search_results import NounHit, SearchResult
from tasks.ops.search_sheet import THUMBNAIL, search_sheet

SHOWN_NOUNS = 6


def draw_result(
    search: ImageSearch, result: SearchResult, output: Path, *, photo: NDArray[np.uint8] | None = None
) -> None:
    """Write the sheet of a result as PNG, whole or not at all; `photo` is the picture that was searched with."""
    sides = search.rows.sides
    # The smallest that need not be enlarged, else the largest.
    side = min((side for side in sides if side >= THUMBNAIL), default=max(sides))
    images = search.rows.rows(side)[np.array([hit.row for hit in result.hits], np.int64)]
    nouns = [] if photo is None else [_noun_line(noun) for noun in result.nouns[:SHOWN_NOUNS]]
    lines = [*short_question_lines(result), *found_lines(result), *nouns, searched_line(result.searched)]
    sheet = search_sheet(list(images), result.hits, title=result.title, lines=lines, photo=photo)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(output)
    try:
        sheet.save(partial, "PNG")
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _noun_line(noun: NounHit) -> str:
    return f"{noun.cosine:.2f}  {noun.label.replace('_', ' ')}"
