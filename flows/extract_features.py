"""The flow from a published version and a model to published features: a vector for each row."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from flows.announcement import announce
from flows.feature_job import FeatureJob
from flows.run_log import run_log
from storage.bundles import Bundle, is_whole_bundle
from storage.datasets import create_dataset
from storage.errors import named_disk_errors
from storage.features import FEATURES, FeatureFacts, current_features, open_features, read_features
from storage.layout import DatasetFolder
from tasks.features import compute_features, identify_encoder, identify_rows, report_features
from tasks.ops.feature_requests import feature_request
from tasks.staging import stage_for_reading

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FeatureOutcome:
    """How a run ended: "published" or "unchanged", the version that stands now, and how many shards were computed."""

    status: str
    name: str
    version: Bundle
    facts: FeatureFacts
    computed: int
    card: Path


@flow(name="extract-features")
def extract_features(job: FeatureJob) -> FeatureOutcome:
    """Compute the vectors of all rows by a model or a network, and publish them; do nothing when nothing changed."""
    source = identify_rows(job.tiers, job.dataset, job.number)
    origin = identify_encoder(job.tiers, job.choice)
    request = feature_request(source, origin, size=job.size, precision=job.precision)
    folder = create_dataset(job.slow, job.features, kind=FEATURES)
    with run_log(folder, "features"), named_disk_errors(folder.path, doing=f"{job.features} was computed"):
        current = current_features(folder)
        if current and current.request == request and is_whole_bundle(folder, current):
            logger.info("nothing to do, version %d holds these vectors", current.number)
            announce(job.tiers, folder, current.number)
            return outcome_of(job, folder, "unchanged", current, 0)
        line = compute_features(job.order(source.number, origin.text if job.model else None))
        assert line.version is not None
        version = read_features(folder, line.version)
        stage_for_reading(job.tiers, job.features, version, access="random")
        report_features(folder, version)
        announce(job.tiers, folder, version.number)
    return outcome_of(job, folder, "published" if line.is_new else "unchanged", version, line.computed)


def outcome_of(job: FeatureJob, folder: DatasetFolder, status: str, version: Bundle, computed: int) -> FeatureOutcome:
    """Return the outcome of a run, with what the published version tells of itself."""
    with open_features(job.tiers, job.features, number=version.number) as features:
        return FeatureOutcome(
            status, job.features, version, features.facts, computed, folder.objects / version.card.name
        )
