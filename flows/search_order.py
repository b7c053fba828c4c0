"""What `imagemill search` is asked for, and what happens in what order until it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.search_index import index_at_hand, made_index, require_answerable
from storage.tiers import Tiers
from tasks.ops.image_search import Among, ImageSearch, open_search
from tasks.ops.query_picture import query_square
from tasks.ops.search_index import IndexWanted, find_index, wanted_index
from tasks.ops.search_model import SearchModel, search_model
from tasks.ops.search_picture import draw_result
from tasks.ops.search_results import SearchResult


@dataclass(frozen=True, slots=True)
class SearchOrder:
    """A question in words (`phrases`) or by a picture (`image`), and where the answer is looked for.

    `dataset` and `words` are those that the model learnt from where they are None. `sheet` is a PNG file to draw.
    """

    tiers: Tiers
    phrases: tuple[str, ...]
    image: Path | None
    model: str
    dataset: str | None
    words: str | None
    count: int
    nouns: int
    among: Among
    sheet: Path | None
    makes_index: bool
    device: str

    def __post_init__(self) -> None:
        if bool(self.phrases) == (self.image is not None):
            raise ValueError(
                "search for words, or with --image for what is like a picture: imagemill search 'golden retriever', "
                f"or imagemill search --image photo.jpg; got {'both' if self.image else 'neither'}"
            )
        if self.sheet is not None and self.sheet.suffix.lower() != ".png":
            raise ValueError(f"{self.sheet} cannot be written: the sheet is a PNG, choose a name that ends in .png")


def answered(order: SearchOrder) -> SearchResult:
    """Answer a question; an index that is missing or out of date is made first, if it may be."""
    model = search_model(order.tiers, order.model)
    wanted = wanted_index(order.tiers, model, order.dataset or model.dataset)
    number = _index(order, model, wanted)
    with open_search(order.tiers, wanted.name, number=number, words=order.words) as search:
        if order.image is None:
            result, photo = search.by_words(order.phrases, count=order.count), None
        else:
            result, photo = _by_picture(order, search, order.image)
        if order.sheet is not None:
            draw_result(search, result, order.sheet, photo=photo)
    return result


def _index(order: SearchOrder, model: SearchModel, wanted: IndexWanted) -> int:
    """Return the version of the index to go through."""
    found = find_index(order.tiers, wanted)
    if found.fitting is not None or not order.makes_index:
        return index_at_hand(wanted, found)
    # Nobody wants to wait for minutes, and be told then that a word is misspelt.
    require_answerable(order.tiers, model, wanted.dataset, phrases=order.phrases, image=order.image, words=order.words)
    return made_index(order.tiers, wanted, found, device=order.device)


def _by_picture(order: SearchOrder, search: ImageSearch, image: Path) -> tuple[SearchResult, NDArray[np.uint8]]:
    """Return what is near a picture, and its square."""
    square = query_square(image, search.rows.version.parameters, search.features.size)
    # Torch takes a second or two, which neither words nor a damaged picture should cost.
    from flows.search import vector_of_picture

    vector = vector_of_picture(order.tiers, search.model.reference, square, device=order.device)
    result = search.by_picture(str(image), vector, count=order.count, nouns=order.nouns, among=order.among)
    return result, square
