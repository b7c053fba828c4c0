"""Word vectors and word maps as Prefect tasks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from storage.bundles import Bundle, BundleFile, FileReceipt, find_file_receipt, write_file_receipt
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.reading import open_version
from storage.tiers import Tiers
from storage.word_maps import VECTORS
from storage.word_vectors import open_word_vectors
from tasks.ops.user_cache import user_cache
from tasks.ops.word_checks import Checked, Thresholds, check_vectors
from tasks.ops.word_mapping import class_map, noun_map, rows_to_check
from tasks.ops.word_origins import KnownOrigin, Origin, known_origin, write_vectors
from tasks.ops.wordnet_nouns import Noun
from tasks.ops.wordnet_source import find_wordnet
from tasks.ops.words_publication import WordRequest, publish_words
from tasks.ops.words_report import WordMaps, coverage_table
from tasks.progress import StepProgress, artifact_key

logger = logging.getLogger(__name__)


@task(name="locate-wordnet", cache_policy=NO_CACHE)
def locate_wordnet(configured: Path | None, *, download: bool) -> Path:
    """Return a folder with WordNet 3.0; where this machine has none, it is fetched only if that was asked for."""
    return find_wordnet(configured, scratch=user_cache(os.environ), download=download)


@task(name="identify-vectors", cache_policy=NO_CACHE)
def identify_vectors(origin: Origin, wordnet: Path) -> KnownOrigin:
    """Hash what the vectors will be made of."""
    return known_origin(origin, wordnet)


@task(name="make-vectors", cache_policy=NO_CACHE)
def make_vectors(folder: DatasetFolder, known: KnownOrigin, wordnet: Path, scratch: Path) -> BundleFile:
    """Learn or read the vectors unless a receipt proves that they are there; return their object."""
    receipt = find_file_receipt(folder, known.key)
    if receipt is None:
        began = time.process_time()
        with StepProgress(folder.name) as progress:
            built = write_vectors(known, scratch / VECTORS, wordnet=wordnet, scratch=scratch, on_share=progress.show)
            progress.show("storing vectors", 1.0)
            file = BundleFile(VECTORS, store_object(folder, built, prefix="vectors", suffix=".words"), is_spared=False)
        receipt = FileReceipt(known.key, known.facts, (file,), time.process_time() - began)
        write_file_receipt(folder, receipt)
        logger.info("vectors made in %.0f CPU s", receipt.cpu_seconds)
    return receipt.files[0]


@task(name="map-words", cache_policy=NO_CACHE)
def map_words(
    folder: DatasetFolder, vectors: BundleFile, nouns: Mapping[str, Noun], classes: Mapping[str, tuple[str, ...]]
) -> WordMaps:
    """Match all nouns, and the classes of each dataset, with the vectors."""
    words = open_word_vectors(folder.objects / vectors.stored.name)
    of_classes = {dataset: class_map(names, nouns, words) for dataset, names in classes.items()}
    return WordMaps(noun_map(nouns, words), of_classes, words)


@task(name="check-words", cache_policy=NO_CACHE)
def check_words(maps: WordMaps, nouns: Mapping[str, Noun], thresholds: Thresholds) -> Checked:
    """Compute whether relations hold that ought to, and how well distances agree with WordNet."""
    rows = rows_to_check(maps.nouns, maps.words)
    return check_vectors(rows.vectors, words=rows.words, synsets=rows.synsets, nouns=nouns, thresholds=thresholds)


@task(name="publish-words", cache_policy=NO_CACHE)
def publish_word_maps(
    folder: DatasetFolder, vectors: BundleFile, maps: WordMaps, checked: Checked, request: WordRequest, scratch: Path
) -> tuple[Bundle, bool]:
    """Publish the maps; return the version that holds them, and whether it is new."""
    return publish_words(folder, vectors, maps, checked, request, scratch=scratch)


@task(name="read-classes", cache_policy=NO_CACHE)
def read_classes(tiers: Tiers, datasets: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the classes of the current version of each dataset."""
    found = {}
    for dataset in datasets:
        with open_version(tiers, dataset) as version:
            found[dataset] = version.classes
    return found


@task(name="report-words", cache_policy=NO_CACHE)
def report_words(folder: DatasetFolder, version: Bundle, maps: WordMaps) -> None:
    """Show the card and the coverage on Prefect's pages."""
    key, card = artifact_key(folder.name), folder.objects / version.card.name
    create_markdown_artifact(card.read_text(encoding="utf-8"), key=f"{key}-card", description=f"{folder.name}: {card}")
    create_markdown_artifact(
        coverage_table(maps), key=f"{key}-coverage", description="Nouns and classes that each rule matched"
    )
