"""What the recipe `devise` learns from: rows of seen classes, and the vectors of classes in word space."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.class_splits import OpenClassSplits, open_class_splits
from storage.errors import DatasetError
from storage.features import OpenFeatures, open_features
from storage.word_maps import WordMap, open_word_maps
from tasks.ops.demo_classes import demo_classes
from tasks.ops.word_space import noun_space
from tasks.ops.wordnet_hops import HopGraph, hop_graph
from training.class_rows import TARGETS, ClassRows, open_class_rows
from training.devise_config import Config, tiers_of
from training.sources import Arrays, PickedRows, Source

FEATURES = "features"
"""The array of a source of ready features, `(n, dimensions of the backbone)` float32, beside the targets."""

CONTROL_SEED = 2013
"""Of the exchange of vectors between classes that the control learns."""


@dataclass(frozen=True, slots=True, eq=False)
class WordSpace:
    """The rows of a class split, and the vectors of its classes and of all nouns in word space."""

    rows: ClassRows
    nouns: WordMap
    vectors: NDArray[np.float32]
    """`(nouns, dimensions)`, all nouns as `noun_space` places them; all zeros where there is no vector."""

    def class_vectors(self, labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of classes, `(len(labels), dimensions)`."""
        return self.vectors[self.rows.split.rows_of(labels)]

    def control_vectors(self, labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return for each class the vector of another one, the same exchange wherever it is asked for.

        What learns these knows as little of unseen classes as somebody who guesses.
        """
        known = np.sort(np.concatenate([self.rows.split.seen_labels, self.rows.split.unseen_labels]))
        exchanged = np.random.default_rng([CONTROL_SEED, len(known)]).permutation(known)
        return self.class_vectors(exchanged[np.searchsorted(known, labels)])

    def names(self, labels: NDArray[np.int64]) -> list[str]:
        """Return the classes of labels."""
        return [self.rows.version.classes[label] for label in labels.tolist()]

    @property
    def is_demonstration(self) -> bool:
        """Whether the rows are those of the demonstration set, of which some figures mean little."""
        return set(self.rows.version.classes) <= {one.wnid for one in demo_classes()}


def open_word_space(config: Config, resources: ExitStack, *, words_of: Config | None = None) -> WordSpace:
    """Open what settings name; the vectors are those of the settings `words_of`, where another model is measured.

    Raises:
        UnknownDataset: something of it is not there.
        ValueError: the class split is one of other classes.
        DatasetError: it is one of other nouns than the word maps.
    """
    words = words_of or config
    rows = open_class_rows(
        tiers_of(config),
        config.dataset,
        number=config.version,
        splits=config.splits_name,
        splits_number=config.splits_version,
        seed=config.split,
        resources=resources,
    )
    maps = resources.enter_context(open_word_maps(tiers_of(words), words.words, number=words.words_version))
    nouns = maps.nouns
    if tuple(np.asarray(rows.split.names)[rows.split.is_noun].tolist()) != nouns.names:
        raise DatasetError(
            f"the class splits {config.splits_name} and the word maps {words.words} are of different nouns",
            remedy=f"run: imagemill splits {config.dataset} --words {words.words}",
        )
    hypernyms = _opened_splits(config, resources).hypernyms
    space = noun_space(nouns, hypernyms=hypernyms, weight=words.hypernym_weight)
    return WordSpace(rows, nouns, space.units(np.arange(len(nouns.names))))


def open_hops(config: Config, resources: ExitStack) -> HopGraph:
    """Return which nouns of the class splits are one hop from which."""
    splits = _opened_splits(config, resources)
    return hop_graph(splits.hypernyms, nouns=len(splits.split(config.split).names))


def _opened_splits(config: Config, resources: ExitStack) -> OpenClassSplits:
    name, number = config.splits_name, config.splits_version
    return resources.enter_context(open_class_splits(tiers_of(config), name, number=number))


def rows_for(role: str, config: Config, space: WordSpace, resources: ExitStack) -> Source:
    """Return the rows that serve for `role`, as pictures or as ready features, with their targets.

    Raises:
        DatasetError: the features are of other rows or of another model.
    """
    if config.features is None:
        return space.rows.source(config.size, role)
    features = open_features(tiers_of(config), config.features, number=config.features_version)
    resources.enter_context(features)
    version = space.rows.version.version
    if features.source.identity != version.identity or features.encoder != config.start:
        raise DatasetError(
            f"{config.features} has features of version {features.source.number} of {features.source.dataset} by "
            f"{features.encoder}, and the run is about version {version.number} of {config.dataset} and starts as "
            f"{config.start}",
            remedy=f"run: imagemill features {config.dataset} --model {config.start}",
        )
    return PickedRows(FeatureRows(features, space.rows.targets), np.flatnonzero(space.rows.roles == role))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRows:
    """Published features of all rows, read row by row, with the target of each."""

    features: OpenFeatures
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        return {FEATURES: self.features.read(rows), TARGETS: self.targets[rows]}
