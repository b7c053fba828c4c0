"""The flow from published pairs and a generator to restored rows, which a critic learns to tell from the good ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from flows.announcement import announce
from flows.restoring_job import RestoringJob
from flows.run_log import run_log
from storage.datasets import create_dataset
from storage.errors import named_disk_errors
from storage.models import open_model
from storage.pair_versions import PAIRS, PairVersion, read_pair_version
from storage.reading import open_pairs
from tasks.pairs import report_pairs
from tasks.restored_rows import restore_pair_rows
from tasks.staging import stage_for_reading


@dataclass(frozen=True, slots=True)
class RestoringOutcome:
    """How a run ended: "published" or "unchanged", the version that stands now, and how many shards were restored."""

    status: str
    dataset: str
    version: PairVersion
    computed: int
    card: Path


@flow(name="restore-rows")
def restore_rows(job: RestoringJob) -> RestoringOutcome:
    """Restore the bad rows of pairs by a generator, and publish them beside the good ones; nothing is done twice."""
    # What is not there is told before a dataset is made for it.
    with open_pairs(job.tiers, job.dataset, number=job.version), open_model(job.tiers, job.model):
        pass
    folder = create_dataset(job.slow, job.restored, kind=PAIRS)
    with run_log(folder, "restore"), named_disk_errors(folder.path, doing=f"{job.restored} was made"):
        found = restore_pair_rows(job.order)
        assert found.version is not None
        version, status = read_pair_version(folder, found.version), "published" if found.is_new else "unchanged"
        stage_for_reading(job.tiers, job.restored, version, access=job.access)
        card = folder.objects / version.card.name
        report_pairs(job.restored, card)
        announce(job.tiers, folder, version.number)
    return RestoringOutcome(status, job.restored, version, found.computed, card)
