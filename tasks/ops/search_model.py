"""What a registered model says of itself that a search needs: which data, words and split it learnt from.

Read from its settings and its lineage, without the training code and without torch.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

import numpy as np

from storage.class_splits import open_class_splits
from storage.errors import DamagedDataset
from storage.models import OpenModel, open_model, parsed_reference
from storage.plain_files import read_file
from storage.tiers import Tiers
from storage.word_maps import WordMap
from tasks.ops.word_space import NounSpace, noun_space


@dataclass(frozen=True, slots=True)
class Learnt:
    """A dataset that a model learnt from, and its version then; None where its lineage does not tell."""

    name: str
    version: int | None


@dataclass(frozen=True, slots=True)
class SearchModel:
    """A version of a model that maps pictures into word space.

    `dataset` is where it learnt from, and `split` which of the `splits` it was kept to, None where it saw all classes.
    `hypernym_weight` is how much its nouns were drawn towards those above.
    """

    name: str
    version: int
    dataset: str
    words: Learnt
    splits: Learnt | None
    split: int | None
    hypernym_weight: float

    @property
    def reference(self) -> str:
        """The model and its version, as in devise@3."""
        return f"{self.name}@{self.version}"


def search_model(tiers: Tiers, reference: str) -> SearchModel:
    """Return what the model `reference` says, its promoted version unless it names one.

    Raises:
        UnknownDataset: there is no such model or version, or none was promoted.
        ValueError: it was trained without words, so that there is nothing to search by.
        DamagedDataset: its files are not what was registered.
    """
    name, _ = parsed_reference(reference)
    with open_model(tiers, reference) as opened:
        settings = _settings(opened)
        if "words" not in settings or "dataset" not in settings:
            raise ValueError(
                f"{name} was trained by {opened.lineage.recipe}, which knows no words; search needs a model of devise: "
                "imagemill train devise, or name another with --model"
            )
        return SearchModel(
            name=name,
            version=opened.version.number,
            dataset=settings["dataset"],
            words=_learnt(opened, settings["words"]),
            splits=_learnt(opened, settings["splits"]) if settings.get("splits") else None,
            split=settings.get("split"),
            hypernym_weight=float(settings.get("hypernym_weight", 0)),
        )


def learnt_space(tiers: Tiers, model: SearchModel, nouns: WordMap) -> NounSpace:
    """Return the space of `nouns` as the model learnt it.

    Raises:
        UnknownDataset: the class splits that tell what is above a noun are not there.
    """
    if model.hypernym_weight == 0:
        return noun_space(nouns)
    if model.splits is None:
        raise DamagedDataset(f"{model.reference} drew nouns towards those above, and does not say which those are")
    with open_class_splits(tiers, model.splits.name, number=model.splits.version) as splits:
        return noun_space(nouns, hypernyms=np.asarray(splits.hypernyms), weight=model.hypernym_weight)


def _settings(opened: OpenModel) -> dict[str, Any]:
    try:
        return tomllib.loads(read_file(opened.config).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DamagedDataset(f"{opened.config} cannot be read: {error}", path=opened.config) from error


def _learnt(opened: OpenModel, name: str) -> Learnt:
    version = next((origin.version for origin in opened.lineage.origins if origin.name == name), None)
    return Learnt(name, version)
