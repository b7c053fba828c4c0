"""What the recipe `devise` learns from: rows of seen classes, and the vectors of classes in word space."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.class_splits import ClassSplit, open_class_splits
from storage.errors import DatasetError
from storage.features import OpenFeatures, open_features
from storage.reading import OpenVersion, open_version
from storage.word_maps import WordMap, open_word_maps
from tasks.ops.class_splitting import row_roles
from tasks.ops.demo_classes import demo_classes
from tasks.ops.word_queries import centred, unit_vectors
from training.devise_config import Config, tiers_of
from training.devise_step import FEATURES, IMAGES, PLACES
from training.sources import Arrays, Source, StoredRows

CONTROL_SEED = 2013
"""Of the exchange of vectors between classes that the control learns; with the split's number it settles it."""


@dataclass(frozen=True, slots=True, eq=False)
class WordSpace:
    """The vectors of a split's classes in word space, and which rows of a version serve for what."""

    version: OpenVersion
    split: ClassSplit
    nouns: WordMap
    vectors: NDArray[np.float32]
    """`(nouns, dimensions)`, all nouns less their mean, of length 1; all zeros where there is no vector."""
    hypernyms: NDArray[np.int32]
    """Pairs of a noun and what it is a kind of, `(m, 2)`, as rows of the split."""
    roles: NDArray[np.str_]
    """What each row of the version serves for, `(rows,)`: `tasks.ops.class_splitting.row_roles`."""

    def class_vectors(self, labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of classes, `(len(labels), dimensions)`."""
        return self.vectors[self.split.rows_of(labels)]

    def control_vectors(self, labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return for each class the vector of another one, the same exchange wherever it is asked for.

        What learns these knows as little of unseen classes as somebody who guesses.
        """
        known = np.sort(np.concatenate([self.split.seen_labels, self.split.unseen_labels]))
        exchanged = np.random.default_rng([CONTROL_SEED, len(known)]).permutation(known)
        return self.class_vectors(exchanged[np.searchsorted(known, labels)])

    @property
    def is_demonstration(self) -> bool:
        """Whether the rows are those of the demonstration set, of which some figures mean little."""
        return set(self.version.classes) <= {one.wnid for one in demo_classes()}

    def names(self, labels: NDArray[np.int64]) -> list[str]:
        """Return the classes of labels."""
        return [self.split.names[row] for row in self.split.rows_of(labels)]

    def rows(self, role: str) -> NDArray[np.int64]:
        """Return the numbers of the rows that serve for `role`."""
        return np.flatnonzero(self.roles == role)


def open_word_space(config: Config, resources: ExitStack, *, words_of: Config | None = None) -> WordSpace:
    """Open what settings name; the vectors are those of the settings `words_of`, where another model is measured.

    Raises:
        UnknownDataset: something of it is not there.
        ValueError: class splits and word maps are of different nouns.
    """
    tiers, words = tiers_of(config), words_of or config
    version = resources.enter_context(open_version(tiers, config.dataset, number=config.version))
    splits = resources.enter_context(open_class_splits(tiers, config.splits_name, number=config.splits_version))
    maps = resources.enter_context(open_word_maps(tiers, words.words, number=words.words_version))
    split, nouns = splits.split(config.split), maps.nouns
    _require_same_nouns(config, split, nouns)
    classes = [split.names[row] for row in split.rows_of(np.arange(len(version.classes)))]
    if tuple(classes) != tuple(version.classes):
        raise ValueError(
            f"{config.splits_name} is of other classes than version {version.version.number} of {config.dataset}; run: "
            f"imagemill splits {config.dataset}"
        )
    roles = row_roles(version.labels, version.splits, version.ids, split)
    vectors = unit_vectors(centred(np.asarray(nouns.vectors)))
    vectors[~nouns.has_vector] = 0
    return WordSpace(version, split, nouns, vectors, splits.hypernyms, roles)


def all_rows(config: Config, space: WordSpace, resources: ExitStack) -> Source:
    """Return all rows of the version as pictures or features, with the place of each row's class among the seen.

    Raises:
        DatasetError: the features are of other rows.
    """
    places = np.full(len(space.version.classes), -1, np.int64)
    places[space.split.seen_labels] = np.arange(len(space.split.seen_labels))
    of_rows = places[space.version.labels]
    if config.features is None:
        return StoredRows({IMAGES: space.version.rows(config.size)}, {PLACES: of_rows})
    features = open_features(tiers_of(config), config.features, number=config.features_version)
    resources.enter_context(features)
    if features.source.identity != space.version.version.identity or features.encoder != config.start:
        raise DatasetError(
            f"{config.features} has features of version {features.source.number} of {features.source.dataset} by "
            f"{features.encoder}, and the run is about version {space.version.version.number} of {config.dataset} and "
            f"starts as {config.start}",
            remedy=f"run: imagemill features {config.dataset} --model {config.start}",
        )
    return FeatureRows(features, of_rows)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRows:
    """Published features of all rows, read row by row, with the place of each class."""

    features: OpenFeatures
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        return {FEATURES: self.features.read(rows), PLACES: self.places[rows]}


def _require_same_nouns(config: Config, split: ClassSplit, nouns: WordMap) -> None:
    names = tuple(name for name, is_noun in zip(split.names, split.is_noun, strict=True) if is_noun)
    if names != nouns.names:
        raise DatasetError(
            f"the class splits {config.splits_name} and the word maps {config.words} are of different nouns",
            remedy=f"run: imagemill splits {config.dataset} --words {config.words}",
        )
