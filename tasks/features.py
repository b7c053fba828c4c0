"""Features as Prefect tasks: identify what they are made of, compute, report."""

from __future__ import annotations

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from storage.bundles import Bundle
from storage.features import FeatureSource
from storage.layout import DatasetFolder
from storage.models import open_model
from storage.reading import open_version
from storage.tiers import Tiers
from tasks.ops.feature_order import FeatureOrder
from tasks.ops.feature_requests import EncoderChoice, EncoderOrigin, model_origin, network_origin
from tasks.ops.row_process import RowLine, published_rows
from tasks.progress import artifact_key
from tasks.row_progress import RowProgress
from tasks.training import is_preempted

logger = logging.getLogger(__name__)


@task(name="identify-rows", cache_policy=NO_CACHE)
def identify_rows(tiers: Tiers, dataset: str, number: int | None) -> FeatureSource:
    """Return the version whose rows are to get vectors: the current one unless a number is given."""
    with open_version(tiers, dataset, number=number) as version:
        return FeatureSource(dataset, version.version.number, version.version.identity)


@task(name="identify-encoder", cache_policy=NO_CACHE)
def identify_encoder(tiers: Tiers, choice: EncoderChoice) -> EncoderOrigin:
    """Hash what makes the vectors: settings and weights of a model, or a network's file of weights."""
    if choice.model is not None:
        with open_model(tiers, choice.model) as opened:
            return model_origin(opened, choice.name)
    assert choice.network is not None
    assert choice.weights is not None
    return network_origin(choice.network, choice.weights)


@task(name="compute-features", cache_policy=NO_CACHE, retry_condition_fn=is_preempted, retries=5, retry_delay_seconds=2)
def compute_features(order: FeatureOrder) -> RowLine:
    """Have the vectors computed that are missing, and all published; after a preemption it goes on."""
    with RowProgress(order.name, doing="computing vectors") as progress:
        found = published_rows(order.arguments, on_line=progress.show)
    logger.info("version %s, %d shards computed", found.version, found.computed)
    return found


@task(name="report-features", cache_policy=NO_CACHE)
def report_features(folder: DatasetFolder, version: Bundle) -> None:
    """Show the card on Prefect's pages."""
    key, card = f"{artifact_key(folder.name)}-card", folder.objects / version.card.name
    create_markdown_artifact(card.read_text(encoding="utf-8"), key=key, description=f"{folder.name}: {card}")
