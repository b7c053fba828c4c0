"""Published word maps: which rule found how many vectors, and what is near a word that somebody types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.attempts import attempted
from dashboard.held_open import HeldOpen
from dashboard.rendering import page
from dashboard.shelf import ShelfLine
from dashboard.site import Site
from storage.word_maps import WORDS, WordMap, open_word_maps
from storage.word_vectors import WordVectors
from tasks.ops.word_lookup import Nearness, near_word
from tasks.ops.words_report import NOTEBOOK_MATCHED, NOTEBOOK_NOUNS, coverage_of

NEAREST = 24
MOST_LETTERS = 200


@dataclass(frozen=True, slots=True)
class MapsVersion:
    """Which maps are read; the identity tells a version from one of the same number that was made anew."""

    name: str
    number: int
    identity: str


@dataclass(frozen=True, slots=True)
class ReadMaps:
    """The nouns of open word maps, and how many words each rule found, by what was looked for."""

    nouns: WordMap
    vectors: WordVectors
    coverage: Mapping[str, Mapping[str, int]]


def word_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""

    @contextmanager
    def opened(version: MapsVersion) -> Iterator[ReadMaps]:
        with open_word_maps(site.tiers, version.name, number=version.number) as maps:
            coverage = {"all nouns": coverage_of(maps.nouns)}
            coverage |= {f"classes of {dataset}": coverage_of(maps.classes(dataset)) for dataset in maps.datasets}
            yield ReadMaps(maps.nouns, maps.vectors, coverage)

    held = HeldOpen(opened)
    site.at_close(held.close)

    def looked_up(line: ShelfLine, word: str) -> dict[str, object]:
        assert line.current is not None
        with held.of(MapsVersion(line.name, line.current, line.identity)) as maps:
            near, unknown = _near(maps, word) if word else (None, "")
            return {"coverage": maps.coverage, "near": near, "unknown": unknown}

    def words(request: Request) -> Response:
        shelf = site.shelf.get()
        there = [line for line in shelf.value if line.kind == WORDS and line.current is not None]
        name = request.query_params.get("maps", "")
        line = next((each for each in there if each.name == name), there[0] if there else None)
        word = request.query_params.get("word", "").strip()[:MOST_LETTERS]
        found, problem = attempted(lambda: looked_up(line, word), otherwise=None) if line else (None, "")
        notebook = {"matched": NOTEBOOK_MATCHED, "nouns": NOTEBOOK_NOUNS}
        values = {"shelf": shelf, "there": there, "line": line, "word": word, "found": found, "notebook": notebook}
        return page(request, "words.html", values | {"problem": problem})

    return [Route("/words", words)]


def _near(maps: ReadMaps, word: str) -> tuple[Nearness | None, str]:
    try:
        return near_word(word, maps.nouns, maps.vectors, count=NEAREST), ""
    except ValueError as error:
        return None, str(error)
