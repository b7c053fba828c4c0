"""Searches published rows by words or by a vector: the one module that joins searching with storage. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from storage.errors import UnknownDataset
from storage.features import OpenFeatures, open_features
from storage.reading import OpenVersion, open_version
from storage.tiers import Tiers
from storage.versions import Version
from storage.word_maps import OpenWordMaps, open_word_maps
from tasks.ops.class_words import class_word
from tasks.ops.exact_search import nearest_rows
from tasks.ops.likely_rows import shares
from tasks.ops.noun_queries import Question, QuestionReader, Taken
from tasks.ops.picture_nouns import nearest_nouns
from tasks.ops.search_model import SearchModel, learnt_space, search_model
from tasks.ops.search_results import ClassAsked, Hit, NounHit, Searched, SearchResult
from tasks.ops.search_roles import class_roles
from tasks.ops.word_space import NounSpace

Among = Literal["nouns", "classes"]
LOOKED_AT, LENGTH_TOLERANCE = 256, 0.01
"""Vectors of an index whose length is looked at, and how far it may be from 1: bf16 keeps three digits."""
POOL = 1000
"""So many rows near the words are compared with all classes, or four times as many as are wanted."""
NEAR_CLASSES = 5
"""So many classes near the words are told of: what a noun that is no class of the rows will probably find."""


@dataclass(frozen=True, slots=True)
class ImageSearch:
    """An index, the rows that it is of, and the words that its model learnt, all of the versions that belong together.

    `labels` has a name to read for each class of the rows, and `roles` tells which the model has seen.
    """

    index: str
    features: OpenFeatures
    rows: OpenVersion[Version]
    maps: OpenWordMaps
    space: NounSpace
    model: SearchModel
    labels: dict[str, str]
    roles: dict[str, str]

    def by_words(self, phrases: Sequence[str], *, count: int) -> SearchResult:
        """Return the `count` rows, of those nearest to what `phrases` name, that are likelier that than another class.

        Raises:
            ValueError: a word is not known; the message has what may have been meant.
        """
        preferred = frozenset(self.rows.classes)
        reader = QuestionReader(self.maps.nouns, self.maps.vectors, space=self.space, preferred=preferred)
        question = reader.question(phrases)
        hits = self._likeliest(question, count)
        asked = self._asked(question.taken, hits)
        near = self._nouns(question.vector, "classes", NEAR_CLASSES)
        return SearchResult(self._searched, question.taken, question.passed_over, "", near, asked, hits)

    def by_picture(
        self, name: str, vector: NDArray[np.float32], *, count: int, nouns: int, among: Among
    ) -> SearchResult:
        """Return the `count` rows, and the `nouns` nouns or classes, that are nearest to a picture called `name`.

        `vector` is what the model makes of it, `(d,)` float32 of length 1.
        """
        found = self._nouns(vector, among, nouns)
        return SearchResult(self._searched, (), (), name, found, (), self._hits(vector, count))

    @property
    def _searched(self) -> Searched:
        source, model = self.features.source, self.model
        return Searched(
            dataset=source.dataset,
            version=source.number,
            rows=len(self.rows),
            model=model.name,
            model_version=model.version,
            index=self.index,
            index_version=self.features.version.number,
        )

    def _nouns(self, vector: NDArray[np.float32], among: Among, count: int) -> tuple[NounHit, ...]:
        known, classes = self.maps.nouns, frozenset(self.rows.classes)
        rows = np.flatnonzero(known.has_vector)
        if among == "classes":
            rows = rows[[known.names[row] in classes for row in rows.tolist()]]
        return nearest_nouns(vector, known, self.space, rows, classes, count=count)

    def _hits(self, vector: NDArray[np.float32], count: int) -> tuple[Hit, ...]:
        rows, cosines = self._nearest(vector, count)
        return tuple(map(self._hit, rows.tolist(), cosines.tolist()))

    def _likeliest(self, question: Question, count: int) -> tuple[Hit, ...]:
        rows, cosines = self._nearest(question.vector, max(POOL, 4 * count))
        asked = {one.sense.wnid for one in question.taken if one.sense}
        nouns = self.maps.nouns
        rivals = [nouns.rows[name] for name in self.rows.classes if name in nouns.rows and name not in asked]
        likely = shares(self.features.read(rows), question.vector, self.space.units(np.array(rivals, np.int64)))
        order = np.argsort(-likely, kind="stable")[:count]
        return tuple(map(self._hit, rows[order].tolist(), cosines[order].tolist(), likely[order].tolist()))

    def _nearest(self, vector: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        blocks = (block for _, block in self.features.blocks())
        found = nearest_rows(vector[None], blocks, count=count)
        return found.rows[0], found.cosines[0]

    def _hit(self, row: int, cosine: float, share: float | None = None) -> Hit:
        name = self.rows.classes[self.rows.labels[row]]
        return Hit(row, cosine, name, self.labels[name], self.roles.get(name, ""), self.rows.path(row), share)

    def _asked(self, taken: tuple[Taken, ...], hits: tuple[Hit, ...]) -> tuple[ClassAsked, ...]:
        """Return the classes of the rows that were asked for by name, each once."""
        named = dict.fromkeys(one.sense.wnid for one in taken if one.sense)
        labels = {name: label for label, name in enumerate(self.rows.classes)}
        return tuple(
            ClassAsked(
                class_name=name,
                label=self.labels[name],
                role=self.roles.get(name, ""),
                hits=sum(hit.class_name == name for hit in hits),
                rows=int((self.rows.labels == labels[name]).sum()),
            )
            for name in named
            if name in labels
        )


@contextmanager
def open_search(tiers: Tiers, index: str, *, number: int, words: str | None = None) -> Iterator[ImageSearch]:
    """Open version `number` of the features `index` with all that belongs to it; it is held while the block runs.

    `words` names other word maps than those that the model learnt, which have to be of the same space.

    Raises:
        UnknownDataset: a version that belongs to it is gone.
        ValueError: the vectors of words and of rows are not of one space.
    """
    with open_features(tiers, index, number=number) as features:
        model, source = search_model(tiers, features.encoder), features.source
        with (
            open_version(tiers, source.dataset, number=source.number) as rows,
            open_learnt_words(tiers, model, words) as maps,
        ):
            if features.dimensions != maps.nouns.vectors.shape[1]:
                raise ValueError(
                    f"{index} has vectors of {features.dimensions} numbers, and the words have "
                    f"{maps.nouns.vectors.shape[1]}: they are not those that {model.reference} learnt"
                )
            require_unit_vectors(index, features)
            labels = class_labels(maps, source.dataset, rows.classes)
            space = learnt_space(tiers, model, maps.nouns)
            yield ImageSearch(index, features, rows, maps, space, model, labels, class_roles(tiers, model))


def require_unit_vectors(index: str, features: OpenFeatures) -> None:
    """Check the first vectors of an index, whose products are no cosines unless all have length 1.

    Raises:
        ValueError: one has another length.
    """
    lengths = np.linalg.norm(features.read(np.arange(min(LOOKED_AT, len(features)))), axis=1)
    if np.abs(lengths - 1).max(initial=0) > LENGTH_TOLERANCE:
        raise ValueError(
            f"{index} has vectors of lengths from {lengths.min():.3g} to {lengths.max():.3g}, not 1: "
            f"{features.encoder} puts pictures elsewhere than into word space; search needs a model of devise"
        )


def open_learnt_words(tiers: Tiers, model: SearchModel, other: str | None = None) -> OpenWordMaps:
    """Open the word maps that `model` learnt, or the current ones of the name `other`.

    Raises:
        UnknownDataset: they are not there; the message says what to run.
    """
    if other is not None:
        return open_word_maps(tiers, other)
    name, version = model.words.name, model.words.version
    try:
        return open_word_maps(tiers, name, number=version)
    except UnknownDataset as error:
        raise UnknownDataset(
            f"the words that {model.reference} learnt are not there: {error}",
            remedy=f"make them again with imagemill words --name {name}, or name equal ones with --words",
        ) from error


def class_labels(maps: OpenWordMaps, dataset: str, classes: tuple[str, ...]) -> dict[str, str]:
    """Return a name to read for each of `classes`: its most usual lemma, where the word maps have one."""
    nouns = maps.nouns
    known = {name: nouns.labels[nouns.rows[name]] for name in classes if name in nouns.rows}
    if dataset in maps.datasets:
        of_dataset = maps.classes(dataset)
        known |= zip(of_dataset.names, of_dataset.labels, strict=True)
    return {name: known.get(name) or class_word(name) for name in classes}
