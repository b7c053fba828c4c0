"""The flow from word vectors and WordNet to published maps of nouns and classes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from prefect import flow

from flows.announcement import announce
from flows.run_log import run_log
from flows.word_job import WordJob
from storage.bundles import Bundle, current_bundle, is_whole_bundle
from storage.datasets import create_dataset
from storage.errors import named_disk_errors
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.records import fingerprint
from storage.scratch import scratch_folder
from storage.spares import ensure_spare, restore_bundle
from storage.word_maps import WORDS, open_word_maps
from tasks.ops.word_checks import Checked
from tasks.ops.word_mapping import MAPPING
from tasks.ops.word_origins import KnownOrigin, wordnet_digest
from tasks.ops.wordnet_nouns import read_nouns
from tasks.ops.words_publication import WordRequest, require_good
from tasks.ops.words_report import coverage_of
from tasks.staging import stage_for_reading
from tasks.words import (
    check_words,
    identify_vectors,
    locate_wordnet,
    make_vectors,
    map_words,
    publish_word_maps,
    read_classes,
    report_words,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WordOutcome:
    """How a run ended: the version that stands now, and how many nouns and classes each rule matched.

    `checked` is None where nothing changed, and so nothing was checked again.
    """

    status: str
    name: str
    version: Bundle
    coverage: dict[str, dict[str, int]]
    checked: Checked | None
    card: Path


@flow(name="build-word-maps")
def build_word_maps(job: WordJob) -> WordOutcome:
    """Learn or read word vectors, match nouns and classes with them, and publish; do nothing when nothing changed."""
    wordnet = locate_wordnet(job.wordnet, download=job.download)
    known = identify_vectors(job.origin, wordnet)
    classes = read_classes(job.tiers, job.datasets)
    request = request_of(job, known, wordnet, classes)
    folder = create_dataset(job.slow, job.name, kind=WORDS)
    with (
        run_log(folder, "words"),
        named_disk_errors(folder.path, doing=f"{job.name} was made"),
        dataset_lock(folder),
        scratch_folder(folder) as scratch,
    ):
        current = current_bundle(folder)
        if current:
            restore_bundle(folder, current, scratch)
        if current and current.request == request.digest and is_whole_bundle(folder, current):
            logger.info("nothing to do, version %d holds these maps", current.number)
            ensure_spare(folder, current, scratch)
            announce(job.tiers, folder, current.number)
            return outcome_of(job, folder, "unchanged", current, None)
        # Not as a plain dict, of which Prefect would look at each of 82,115 values whenever a task takes it.
        nouns = MappingProxyType(read_nouns(wordnet))
        vectors = make_vectors(folder, known, wordnet, scratch)
        maps = map_words(folder, vectors, nouns, classes)
        checked = check_words(maps, nouns, job.thresholds)
        require_good(checked, job.name)
        version, is_new = publish_word_maps(folder, vectors, maps, checked, request, scratch)
        stage_for_reading(job.tiers, job.name, version, access="random")
        report_words(folder, version, maps)
        announce(job.tiers, folder, version.number)
    return outcome_of(job, folder, "published" if is_new else "unchanged", version, checked)


def request_of(job: WordJob, known: KnownOrigin, wordnet: Path, classes: dict[str, tuple[str, ...]]) -> WordRequest:
    """Return what the job asks for: the same request finds nothing to do."""
    parts = [known.key, wordnet_digest(wordnet), MAPPING, sorted(classes.items()), job.thresholds]
    facts = (*known.facts, ("WordNet", str(wordnet)))
    return WordRequest(fingerprint(parts), facts, (known.key,), is_circular=job.learns_from_wordnet)


def outcome_of(
    job: WordJob, folder: DatasetFolder, status: str, version: Bundle, checked: Checked | None
) -> WordOutcome:
    """Return the outcome of a run, with the coverage as it was published."""
    with open_word_maps(job.tiers, job.name, number=version.number) as maps:
        coverage = {"nouns": coverage_of(maps.nouns)}
        coverage |= {dataset: coverage_of(maps.classes(dataset)) for dataset in maps.datasets}
    return WordOutcome(status, job.name, version, coverage, checked, folder.objects / version.card.name)
