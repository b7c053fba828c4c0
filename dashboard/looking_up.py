"""Finds what a link names: datasets, versions and models by the names that there are, never by a path."""

from __future__ import annotations

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request

from dashboard.site import Site
from storage.bundles import Bundle
from storage.datasets import find_datasets, require_own_parts
from storage.errors import UnknownDataset
from storage.layout import DatasetFolder
from storage.models import find_models, model_name
from storage.pair_versions import PairVersion
from storage.publishing import AnyVersion, current_published
from storage.versions import Version

MOST_DIGITS = 12
"""No page, row or version of ours has a longer number."""


class NumberConvertor(IntegerConvertor):
    """A number in a path, as in `{row:number}`; a longer one is no path of ours."""

    regex = f"[0-9]{{1,{MOST_DIGITS}}}"


register_url_convertor("number", NumberConvertor())


def dataset_named(site: Site, name: str) -> DatasetFolder:
    """Return the folder of a dataset.

    Raises:
        HTTPException: 404, there is none of that name.
        DamagedDataset: its parts lead out of it.
    """
    for folder in find_datasets(site.tiers.slow):
        if folder.name == name:
            require_own_parts(folder)
            return folder
    raise HTTPException(404, "There is no dataset of that name here.")


def model_named(site: Site, name: str) -> DatasetFolder:
    """Return the folder of a model; raise as `dataset_named` does."""
    for folder in find_models(site.tiers.slow):
        if model_name(folder) == name:
            require_own_parts(folder)
            return folder
    raise HTTPException(404, "There is no model of that name here.")


def published_version(site: Site, folder: DatasetFolder, number: int | None) -> AnyVersion:
    """Return a version, the current one if no number is given.

    Raises:
        HTTPException: 404, there is none.
    """
    try:
        found = current_published(folder) if number is None else site.versions.read(folder, number)
    except UnknownDataset as error:
        raise HTTPException(404, f"{folder.name} has no version of that number.") from error
    if found is None:
        raise HTTPException(404, f"{folder.name} has no version yet: its first run did not finish.")
    return found


def version_of_rows(site: Site, folder: DatasetFolder, number: int) -> Version | PairVersion:
    """Return a version that has rows; raise as `published_version` does."""
    found = published_version(site, folder, number)
    if isinstance(found, Bundle):
        raise HTTPException(404, f"{folder.name} holds {found.kind}, which have no rows to look at.")
    return found


def number_asked(request: Request, name: str, *, default: int) -> int:
    """Return a number of the query, `default` where there is none.

    Raises:
        HTTPException: 404, it is no number that could be meant.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > MOST_DIGITS:
        raise HTTPException(404, f"{name} should be a number from 0 on, got something else.")
    return int(text)
