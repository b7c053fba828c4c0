"""Trained models: which one is in use, which ones were weighed against it, their curves, samples, and what they do."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.answers import NoAnswer
from dashboard.attempts import attempted
from dashboard.catalogue import as_png
from dashboard.looking_up import model_named, number_asked
from dashboard.model_facts import BeforeAfter, before_after, held_out_rows, sample_file, version_facts
from dashboard.rendering import page
from dashboard.row_views import FOREVER
from dashboard.security import ASKED_AGAIN
from dashboard.site import Site
from dashboard.snapshots import Snapshot
from storage.bundles import Bundle
from storage.errors import DatasetError
from storage.layout import DatasetFolder
from storage.models import find_models, lineage_in, model_name, versions_of
from storage.plain_files import read_file
from tasks.ops.model_report import Model, model_report

IMPROVING = frozenset({"superres", "gan-generator", "gan"})
"""The recipes whose models make pictures of pictures."""
KEPT_PICTURES = 64


def model_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""
    reports: Snapshot[list[ReadModel]] = Snapshot(
        lambda: [_read_model(folder) for folder in find_models(site.tiers.slow)], seconds=10
    )
    improved = ImprovedPictures(site)

    def models(request: Request) -> Response:
        return page(request, "models.html", {"models": reports.get(), "trainings": site.trainings.get()})

    def model(request: Request) -> Response:
        folder = model_named(site, request.path_params["name"])
        report = model_report(folder)
        version = _version_asked(folder, number_asked(request, "version", default=report.promoted or 0))
        if version is None:
            return page(request, "model.html", {"model": report, "facts": None, "trainings": site.trainings.get()})
        facts = version_facts(folder, version)
        shown = before_after(site.tiers, facts.lineage)
        rows, problem = attempted(lambda: _rows_shown(site, shown), otherwise=())
        values = {
            "model": report,
            "facts": facts,
            "shown": shown,
            "rows": rows,
            "problem": problem,
            "improves": bool(facts.lineage and facts.lineage.recipe in IMPROVING and site.answers),
            "trainings": site.trainings.get(),
        }
        return page(request, "model.html", values)

    async def improved_picture(request: Request) -> Response:
        content = await to_thread.run_sync(made_picture, request, limiter=site.asking)
        return Response(content, media_type="image/png", headers={"cache-control": FOREVER})

    def made_picture(request: Request) -> bytes:
        folder = model_named(site, request.path_params["name"])
        version = _version_asked(folder, request.path_params["version"])
        if version is None or request.path_params["identity"] != version.identity[:16]:
            raise HTTPException(404, "There is no such version of the model.")
        return improved.picture(folder, version, request.path_params["row"])

    def sample(request: Request) -> Response:
        folder = model_named(site, request.path_params["name"])
        found = sample_file(folder, request.path_params["run"], request.path_params["file"])
        if found is None:
            raise HTTPException(404, "There is no such picture of a run.")
        # Not by its path: a link among the samples would lead out of here.
        return Response(read_file(found), media_type="image/png", headers={"cache-control": ASKED_AGAIN})

    return [
        Route("/models", models),
        Route("/models/{name}", model),
        Route("/models/{name}/{version:number}/improved/{identity}/{row:number}.png", improved_picture),
        Route("/models/{name}/runs/{run}/{file}", sample),
    ]


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A model, or by its name why it cannot be read."""

    name: str
    report: Model | None
    problem: str


def _read_model(folder: DatasetFolder) -> ReadModel:
    report, problem = attempted(lambda: model_report(folder), otherwise=None)
    return ReadModel(model_name(folder), report, problem)


def _rows_shown(site: Site, shown: BeforeAfter | None) -> tuple[int, ...]:
    return held_out_rows(site.catalogues.of(shown.dataset, shown.version)) if shown else ()


class ImprovedPictures:
    """What models make of rows that they never learnt from; a picture is computed once. For one thread at a time."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._kept: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()

    def picture(self, folder: DatasetFolder, version: Bundle, row: int) -> bytes:
        """Return what a version makes of a row, as a PNG.

        Raises:
            HTTPException: 404, it makes no pictures of pictures, or of other rows; 503, it cannot be asked now.
        """
        key = (folder.name, version.identity, row)
        if key not in self._kept:
            self._kept[key] = self._computed(folder, version, row)
            while len(self._kept) > KEPT_PICTURES:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _computed(self, folder: DatasetFolder, version: Bundle, row: int) -> bytes:
        shown = self._shown(folder, version)
        catalogue = self._site.catalogues.of(shown.dataset, shown.version)
        if self._site.answers is None or row not in held_out_rows(catalogue):
            raise HTTPException(404, "There is no such picture.")
        pixels = catalogue.pixels(row, shown.before)
        reference = f"{model_name(folder)}@{version.number}"
        try:
            return as_png(self._site.answers.improved(pixels, model=reference))
        except NoAnswer as error:
            raise HTTPException(503, str(error)) from error

    def _shown(self, folder: DatasetFolder, version: Bundle) -> BeforeAfter:
        try:
            lineage = lineage_in(folder, version)
        except DatasetError as error:
            raise HTTPException(404, str(error)) from error
        shown = before_after(self._site.tiers, lineage) if lineage.recipe in IMPROVING else None
        if shown is None:
            raise HTTPException(404, "This model makes no pictures of pictures.")
        return shown


def _version_asked(folder: DatasetFolder, number: int) -> Bundle | None:
    """Return the version of that number, the newest if it is 0; None where the model has none yet.

    Raises:
        HTTPException: 404, there is none of that number.
    """
    versions = versions_of(folder)
    if number == 0:
        return versions[0] if versions else None
    for version in versions:
        if version.number == number:
            return version
    raise HTTPException(404, "There is no such version of the model.")
