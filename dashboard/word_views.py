"""Published word maps: which rule found how many vectors, and what is near a word that somebody types."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.rendering import page
from dashboard.site import Site
from storage.tiers import Tiers
from storage.word_maps import WORDS, WordMap, open_word_maps
from storage.word_vectors import WordVectors
from tasks.ops.word_lookup import Nearness, near_word
from tasks.ops.words_report import NOTEBOOK_MATCHED, NOTEBOOK_NOUNS, coverage_of

NEAREST = 24
MOST_LETTERS = 200


@dataclass(frozen=True, slots=True)
class ReadMaps:
    """A version of word maps; they stay mapped after their version was let go of."""

    number: int
    nouns: WordMap
    vectors: WordVectors
    coverage: Mapping[str, Mapping[str, int]]


class MapReader:
    """Reads the current version of word maps when there is a new one; may be used by several threads."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._lock = threading.Lock()
        self._read: dict[str, ReadMaps] = {}

    def maps(self, name: str, number: int) -> ReadMaps:
        """Return version `number` of the word maps `name`.

        Raises:
            UnknownDataset: there is no such version any more.
        """
        with self._lock:
            known = self._read.get(name)
            if known is None or known.number != number:
                known = self._read[name] = _read(self._tiers, name, number)
            return known


def word_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""
    reader = MapReader(site.tiers)

    def words(request: Request) -> Response:
        shelf = site.shelf.get()
        there = [line for line in shelf.value if line.kind == WORDS and line.current is not None]
        name = request.query_params.get("maps", "")
        line = next((each for each in there if each.name == name), there[0] if there else None)
        word = request.query_params.get("word", "").strip()[:MOST_LETTERS]
        maps = reader.maps(line.name, line.current) if line and line.current else None
        near, problem = _near(maps, word) if maps and word else (None, "")
        values = {"shelf": shelf, "there": there, "line": line, "maps": maps, "word": word, "near": near}
        notebook = {"matched": NOTEBOOK_MATCHED, "nouns": NOTEBOOK_NOUNS}
        return page(request, "words.html", values | {"problem": problem, "notebook": notebook})

    return [Route("/words", words)]


def _read(tiers: Tiers, name: str, number: int) -> ReadMaps:
    with open_word_maps(tiers, name, number=number) as opened:
        coverage = {"all nouns": coverage_of(opened.nouns)}
        coverage |= {f"classes of {dataset}": coverage_of(opened.classes(dataset)) for dataset in opened.datasets}
        return ReadMaps(number, opened.nouns, opened.vectors, coverage)


def _near(maps: ReadMaps, word: str) -> tuple[Nearness | None, str]:
    try:
        return near_word(word, maps.nouns, maps.vectors, count=NEAREST), ""
    except ValueError as error:
        return None, str(error)
