"""The rows of a version as pictures: pages of thumbnails by class, single rows with what is known of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.catalogue import Catalogue, as_jpeg, as_png, place_of_thumbnails
from dashboard.looking_up import dataset_named, number_asked, version_of_rows
from dashboard.rendering import page
from dashboard.site import Site
from storage.pair_versions import BAD, GOOD, PairVersion, RowVersion

PICTURE = "/datasets/{name}/{version:number}/pictures/{identity}/{place:number}/{row:number}"
PAGE_ROWS = 60
THUMBNAIL_EDGE = 160
FOREVER = "private, max-age=31536000, immutable"
"""What is published never changes; the address of a picture has the version's identity."""


def row_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""

    def rows(request: Request) -> Response:
        dataset, version, catalogue = _asked(site, request)
        label = number_asked(request, "class", default=-1)
        if label >= len(version.classes):
            raise HTTPException(404, f"{dataset} has {len(version.classes)} classes, from 0 on.")
        number = number_asked(request, "page", default=1)
        found = catalogue.page(max(number, 1) - 1, size=PAGE_ROWS, label=None if label < 0 else label)
        last = max(1, -(-found.total // PAGE_ROWS))
        if not 1 <= number <= last:
            raise HTTPException(404, f"There are pages 1 to {last}.")
        values = {
            "dataset": dataset,
            "version": version,
            "page": found,
            "number": number,
            "last": last,
            "label": label,
            "counts": catalogue.counts.tolist(),
            "size": PAGE_ROWS,
            "place": place_of_thumbnails(version.sides),
        }
        return page(request, "rows.html", values)

    def row(request: Request) -> Response:
        dataset, version, catalogue = _asked(site, request)
        number = _row_asked(request, version)
        values = {
            "dataset": dataset,
            "version": version,
            "facts": catalogue.facts(number),
            "is_pair": isinstance(version, PairVersion),
            "good": GOOD,
            "bad": BAD,
        }
        return page(request, "row.html", values)

    def thumbnail(request: Request) -> Response:
        content = as_jpeg(_pixels_asked(site, request), edge=THUMBNAIL_EDGE)
        return Response(content, media_type="image/jpeg", headers={"cache-control": FOREVER})

    def exact(request: Request) -> Response:
        content = as_png(_pixels_asked(site, request))
        return Response(content, media_type="image/png", headers={"cache-control": FOREVER})

    return [
        Route("/datasets/{name}/{version:number}/rows", rows),
        Route("/datasets/{name}/{version:number}/rows/{row:number}", row),
        Route(f"{PICTURE}.jpg", thumbnail),
        Route(f"{PICTURE}.png", exact),
    ]


def _asked(site: Site, request: Request) -> tuple[str, RowVersion, Catalogue]:
    folder = dataset_named(site, request.path_params["name"])
    version = version_of_rows(site, folder, request.path_params["version"])
    return folder.name, version, site.catalogues.of(folder.name, version)


def _pixels_asked(site: Site, request: Request) -> NDArray[np.uint8]:
    _, version, catalogue = _asked(site, request)
    place = request.path_params["place"]
    if place >= len(version.sides) or request.path_params["identity"] != version.identity[:16]:
        raise HTTPException(404, "There is no such picture.")
    return catalogue.pixels(_row_asked(request, version), place)


def _row_asked(request: Request, version: RowVersion) -> int:
    number = request.path_params["row"]
    if number >= version.stored:
        raise HTTPException(404, f"This version has rows 0 to {version.stored - 1}.")
    return number
