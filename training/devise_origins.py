"""What a run of the recipe `devise` stands on, and its settings with what "current" means put into numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from storage.class_splits import open_class_splits
from storage.features import open_features
from storage.lineage import Origin
from storage.models import PREFIX, open_model
from storage.reading import open_version
from storage.word_maps import open_word_maps
from training.devise_config import Config, tiers_of
from training.lineages import file_origin


def pinned(config: Config) -> Config:
    """Return the settings with numbers in place of all that is current now, and the class splits by name."""
    with _opened(config) as found:
        numbers: dict[str, Any] = {
            field: found[role].version.number for role, field in _FIELDS.items() if role in found
        }
        if config.start is not None:
            numbers["start"] = f"{_name_of(config.start)}@{found[START].version.number}"
        # By name: who searches with the model knows nothing of what is meant where none is given.
        return replace(config, splits=config.splits_name, **numbers)


def origins(config: Config) -> list[Origin]:
    """Return the versions of rows, words, class split, features and starting model, and the file of weights."""
    names = {ROWS: config.dataset, WORDS: config.words, SPLIT: config.splits_name, FEATURES: config.features}
    if config.start is not None:
        names[START] = PREFIX + _name_of(config.start)
    with _opened(config) as found:
        versions = {role: opened.version for role, opened in found.items()}
    told = [Origin(role, str(names[role]), each.number, each.identity) for role, each in versions.items()]
    return told + ([file_origin("backbone weights", config.weights)] if isinstance(config.weights, Path) else [])


ROWS, WORDS, SPLIT, FEATURES, START = "rows", "words", "class split", "features", "start"
_FIELDS = {ROWS: "version", WORDS: "words_version", SPLIT: "splits_version", FEATURES: "features_version"}


@contextmanager
def _opened(config: Config) -> Iterator[dict[str, Any]]:
    """Open all that the settings name, by role; each has a `version`."""
    tiers = tiers_of(config)
    with ExitStack() as held:
        opened: dict[str, Any] = {
            ROWS: held.enter_context(open_version(tiers, config.dataset, number=config.version)),
            WORDS: held.enter_context(open_word_maps(tiers, config.words, number=config.words_version)),
            SPLIT: held.enter_context(open_class_splits(tiers, config.splits_name, number=config.splits_version)),
        }
        if config.features is not None:
            opened[FEATURES] = held.enter_context(open_features(tiers, config.features, number=config.features_version))
        if config.start is not None:
            opened[START] = held.enter_context(open_model(tiers, config.start))
        yield opened


def _name_of(reference: str) -> str:
    return reference.partition("@")[0]
