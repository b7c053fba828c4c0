"""Search: pictures for a noun that is typed, nouns and pictures for a picture that is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.answers import IndexVersion, NoAnswer
from dashboard.bodies import read_body
from dashboard.catalogue import place_of_thumbnails
from dashboard.held_open import HeldOpen
from dashboard.rendering import page
from dashboard.site import Site
from storage.bundles import Bundle
from storage.errors import DatasetError, UnknownDataset
from storage.models import find_models, model_name
from storage.promotions import promoted_version
from storage.tiers import Tiers
from tasks.ops.image_search import ImageSearch, open_search
from tasks.ops.search_index import find_index, wanted_index
from tasks.ops.search_model import search_model
from tasks.ops.search_results import SearchResult

FOUND, NOUNS = 48, 12
MOST_LETTERS = 200
MOST_PICTURE_BYTES = 32 * 1024 * 1024


class CannotSearch(Exception):
    """There is nothing to search with; the message says what to run."""


def search_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""

    def opened(index: IndexVersion) -> AbstractContextManager[ImageSearch]:
        return open_search(site.tiers, index.name, number=index.number)

    searches = HeldOpen(opened)
    site.at_close(searches.close)

    def search(request: Request) -> Response:
        phrase = request.query_params.get("q", "").strip()[:MOST_LETTERS]
        values = {
            "phrase": phrase,
            "result": None,
            "problem": "",
            "lacking": "",
            "by_picture": site.answers is not None,
        }
        try:
            index = what_to_search(site.tiers)
            values |= {"index": index}
            values |= _found(site, searches, phrase, index) if phrase else {}
        except CannotSearch as error:
            values |= {"lacking": str(error), "index": None}
        return page(request, "search.html", values)

    async def by_picture(request: Request) -> Response:
        told = f"A picture may have {MOST_PICTURE_BYTES // 2**20} MiB."
        content = await read_body(request, most=MOST_PICTURE_BYTES, told=told)
        return await to_thread.run_sync(answer, request, content, limiter=site.asking)

    def answer(request: Request, content: bytes) -> Response:
        values = {"result": None, "problem": "", "phrase": ""}
        try:
            index = what_to_search(site.tiers)
            if site.answers is None:
                raise CannotSearch("This dashboard was started without the training packages, which look at pictures.")
            result = site.answers.near_picture(content, index=index, count=FOUND, nouns=NOUNS)
            values |= {"result": result} | _places(site, result)
        except (CannotSearch, NoAnswer) as error:
            values |= {"problem": str(error)}
        return page(request, "search_result.html", values, status=422 if values["problem"] else 200)

    return [Route("/search", search), Route("/search/picture", by_picture, methods=["POST"])]


def what_to_search(tiers: Tiers) -> IndexVersion:
    """Return the newest index by the promoted model that knows words.

    Raises:
        CannotSearch: there is no such model, or none of its rows has an index yet.
    """
    problems = []
    for name in sorted(map(model_name, find_models(tiers.slow)), key=lambda name: name != "devise"):
        try:
            if promoted_version(tiers.authority(f"model-{name}")) is None:
                continue
            model = search_model(tiers, name)
            wanted = wanted_index(tiers, model, model.dataset)
            found = find_index(tiers, wanted)
        except (ValueError, DatasetError) as error:
            problems.append(str(error))
            continue
        if found.newest is not None:
            return IndexVersion(wanted.name, found.newest)
        problems.append(f"{found.problem}. Make it: imagemill features {wanted.dataset} --model {model.reference}")
    raise CannotSearch(
        problems[0]
        if problems
        else "Search needs a trained and promoted model that knows words. Make one: imagemill train devise"
    )


def _found(
    site: Site, searches: HeldOpen[IndexVersion, ImageSearch], phrase: str, index: IndexVersion
) -> dict[str, object]:
    try:
        with searches.of(index) as search:
            result = search.by_words([phrase], count=FOUND)
        return {"result": result} | _places(site, result)
    except UnknownDataset as error:
        raise CannotSearch(str(error)) from error
    except ValueError as error:
        return {"problem": str(error)}


def _places(site: Site, result: SearchResult) -> dict[str, object]:
    """Return where the pictures of the rows that were found are."""
    searched = result.searched
    version = site.versions.read(site.tiers.authority(searched.dataset), searched.version)
    sides = () if isinstance(version, Bundle) else version.sides
    return {"identity": version.identity[:16], "place": place_of_thumbnails(sides) if sides else 0}
