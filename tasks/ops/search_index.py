"""Which published features a search goes through: those of a dataset's current version, by the model that is in use."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from storage.errors import DamagedDataset
from storage.features import features_name, open_features
from storage.reading import open_version
from storage.tiers import Tiers
from storage.versions import version_numbers
from tasks.ops.search_model import SearchModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexWanted:
    """Features of a version of a dataset, with its identity, by `encoder`, a model and its version."""

    name: str
    dataset: str
    version: int
    identity: str
    encoder: str


@dataclass(frozen=True, slots=True)
class IndexFound:
    """The version of the features that is as wanted, else None; the newest there is; and what is wrong with that."""

    fitting: int | None
    newest: int | None
    problem: str


def wanted_index(tiers: Tiers, model: SearchModel, dataset: str) -> IndexWanted:
    """Return what a search of `dataset` by `model` goes through.

    Raises:
        UnknownDataset: there is no such dataset.
    """
    with open_version(tiers, dataset) as opened:
        version = opened.version
    name = features_name(dataset, model.name)
    return IndexWanted(name, dataset, version.number, version.identity, model.reference)


def find_index(tiers: Tiers, wanted: IndexWanted) -> IndexFound:
    """Return the newest version of the features that is as wanted, and what is wrong with the newest one if it is not.

    A damaged one is passed over with a warning.
    """
    newest, problem = None, f"{wanted.dataset} has no index by {wanted.encoder} yet"
    for number in reversed(version_numbers(tiers.authority(wanted.name))):
        try:
            with open_features(tiers, wanted.name, number=number) as found:
                source, encoder = found.source, found.encoder
        except DamagedDataset as error:
            logger.warning("version %d of %s is passed over: %s", number, wanted.name, error)
            continue
        if (source.dataset, source.identity, encoder) == (wanted.dataset, wanted.identity, wanted.encoder):
            return IndexFound(number, number, "")
        if newest is None:
            newest = number
            problem = (
                f"the index {wanted.name} is of version {source.number} of {source.dataset} by {encoder}; "
                f"wanted is version {wanted.version} by {wanted.encoder}"
            )
    return IndexFound(None, newest, problem)
