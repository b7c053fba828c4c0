"""Class splits as Prefect tasks."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from storage.bundles import Bundle
from storage.layout import DatasetFolder
from storage.reading import open_version
from storage.tiers import Tiers
from storage.word_maps import open_word_maps
from tasks.ops.split_choices import Facts, SplitChoice, SplitClasses, SplitRequest, classes_in, request_of
from tasks.ops.splits_publication import made_splits, publish_splits
from tasks.ops.word_origins import wordnet_digest
from tasks.ops.wordnet_nouns import read_nouns
from tasks.progress import artifact_key


@task(name="read-split-classes", cache_policy=NO_CACHE)
def read_split_classes(tiers: Tiers, dataset: str, words: str) -> tuple[SplitClasses, Facts]:
    """Return the classes of the current version of `dataset` as word maps know them, and which versions those are."""
    with open_version(tiers, dataset) as version, open_word_maps(tiers, words) as maps:
        facts = (
            ("classes of", f"{dataset}, version {version.version.number}"),
            ("word maps", f"{words}, version {maps.version.number}"),
        )
        return classes_in(maps, dataset, version.classes), facts


@task(name="identify-splits", cache_policy=NO_CACHE)
def identify_splits(
    classes: SplitClasses, choices: tuple[SplitChoice, ...], wordnet: Path, facts: Facts
) -> SplitRequest:
    """Hash what the splits will be made of."""
    told = (*facts, ("WordNet", str(wordnet)))
    return request_of(classes, choices, wordnet=wordnet_digest(wordnet), facts=told)


@task(name="publish-splits", cache_policy=NO_CACHE)
def publish_class_splits(
    folder: DatasetFolder,
    classes: SplitClasses,
    choices: tuple[SplitChoice, ...],
    wordnet: Path,
    request: SplitRequest,
    scratch: Path,
) -> tuple[Bundle, bool]:
    """Make and publish the splits; return the version that holds them, and whether it is new.

    One task, since Prefect would look at each of the 82,115 nouns of each split that passes from one to another.
    """
    splits, pairs = made_splits(read_nouns(wordnet), classes, choices)
    return publish_splits(folder, splits, pairs, classes, request, scratch=scratch)


@task(name="report-splits", cache_policy=NO_CACHE)
def report_splits(folder: DatasetFolder, version: Bundle) -> None:
    """Show the card on Prefect's pages."""
    card = folder.objects / version.card.name
    key = f"{artifact_key(folder.name)}-card"
    create_markdown_artifact(card.read_text(encoding="utf-8"), key=key, description=f"{folder.name}: {card}")
