"""Features as Prefect tasks: identify what they are made of, compute, report."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import cast
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from storage.bundles import Bundle
from storage.features import FeatureSource
from storage.layout import DatasetFolder
from storage.models import open_model
from storage.reading import open_version
from storage.tiers import Tiers
from tasks.ops.feature_process import FeatureLine, FeatureOrder, computed
from tasks.ops.feature_requests import EncoderChoice, EncoderOrigin, model_origin, network_origin
from tasks.progress import ARTIFACT_SECONDS, StepProgress, artifact_key
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
def compute_features(order: FeatureOrder) -> FeatureLine:
    """Have the vectors computed that are missing, and all published; after a preemption it goes on."""
    with FeatureProgress(order.name) as progress:
        found = computed(order, on_line=progress.show)
    logger.info("version %s, %d shards computed", found.version, found.computed)
    return found


class FeatureProgress:
    """How far the rows are: a bar for the person at the terminal, an artifact for Prefect's pages, throttled."""

    def __init__(self, name: str) -> None:
        self._step = StepProgress(name)
        # The types of Prefect's dual functions promise a coroutine too; called from synchronous code it is none.
        self._artifact = cast(
            "UUID",
            create_progress_artifact(
                0.0, key=f"{artifact_key(name)}-progress", description=f"{name}: rows that have a vector"
            ),
        )
        self._artifact_at = time.monotonic()

    def __enter__(self) -> FeatureProgress:
        self._step.__enter__()
        self._step.show("opening the encoder", 0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step.__exit__(kind, error, trace)
        if error is None:
            update_progress_artifact(self._artifact, progress=100.0)

    def show(self, line: FeatureLine) -> None:
        """Take in what the process told last."""
        if line.rows is None or not line.of:
            return
        self._step.show("computing vectors", line.rows / line.of)
        if time.monotonic() - self._artifact_at >= ARTIFACT_SECONDS:
            self._artifact_at = time.monotonic()
            update_progress_artifact(self._artifact, progress=100.0 * line.rows / line.of)


@task(name="report-features", cache_policy=NO_CACHE)
def report_features(folder: DatasetFolder, version: Bundle) -> None:
    """Show the card on Prefect's pages."""
    key, card = f"{artifact_key(folder.name)}-card", folder.objects / version.card.name
    create_markdown_artifact(card.read_text(encoding="utf-8"), key=key, description=f"{folder.name}: {card}")
