"""The flow from the classes of a dataset to published class splits: which are learnt from, and which stay unseen."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from flows.announcement import announce
from flows.run_log import run_log
from flows.split_job import SplitJob
from storage.bundles import Bundle, current_bundle, is_whole_bundle
from storage.class_splits import SPLITS, open_class_splits
from storage.datasets import create_dataset
from storage.errors import named_disk_errors
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.scratch import scratch_folder
from storage.spares import ensure_spare, restore_bundle
from tasks.ops.split_choices import SplitChoice, SplitClasses, choices_by_file, choices_by_seed
from tasks.ops.splits_report import SplitCounts, counts_of
from tasks.splits import identify_splits, publish_class_splits, read_split_classes, report_splits
from tasks.staging import stage_for_reading
from tasks.words import locate_wordnet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SplitOutcome:
    """How a run ended: the version that stands now, and how many classes each of its splits has on either side."""

    status: str
    name: str
    version: Bundle
    splits: dict[int, SplitCounts]
    card: Path


@flow(name="split-classes")
def split_classes(job: SplitJob) -> SplitOutcome:
    """Choose unseen classes, measure how far all nouns are from the seen ones, publish; or find nothing to do."""
    wordnet = locate_wordnet(job.wordnet, download=job.download)
    classes, facts = read_split_classes(job.tiers, job.dataset, job.words)
    choices = choices_of(job, classes)
    request = identify_splits(classes, choices, wordnet, facts)
    folder = create_dataset(job.slow, job.published_name, kind=SPLITS)
    with (
        run_log(folder, "splits"),
        named_disk_errors(folder.path, doing=f"{folder.name} was made"),
        dataset_lock(folder),
        scratch_folder(folder) as scratch,
    ):
        current = current_bundle(folder)
        if current:
            restore_bundle(folder, current, scratch)
        if current and current.request == request.digest and is_whole_bundle(folder, current):
            logger.info("nothing to do, version %d holds these splits", current.number)
            ensure_spare(folder, current, scratch)
            announce(job.tiers, folder, current.number)
            return outcome_of(job, folder, "unchanged", current)
        version, is_new = publish_class_splits(folder, classes, choices, wordnet, request, scratch)
        stage_for_reading(job.tiers, folder.name, version, access="random")
        report_splits(folder, version)
        announce(job.tiers, folder, version.number)
    return outcome_of(job, folder, "published" if is_new else "unchanged", version)


def choices_of(job: SplitJob, classes: SplitClasses) -> tuple[SplitChoice, ...]:
    """Return the splits that the job asks for."""
    if job.seen:
        return choices_by_file(classes, job.seen)
    return choices_by_seed(classes, seeds=job.chosen_seeds, share=job.unseen)


def outcome_of(job: SplitJob, folder: DatasetFolder, status: str, version: Bundle) -> SplitOutcome:
    """Return the outcome of a run, with the splits as they were published."""
    with open_class_splits(job.tiers, folder.name, number=version.number) as splits:
        counts = {seed: counts_of(splits.split(seed)) for seed in splits.seeds}
    return SplitOutcome(status, folder.name, version, counts, folder.objects / version.card.name)
