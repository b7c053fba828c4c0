"""Models as a person lists them: versions with their figures, and what was decided on each. It reads only."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from storage.bundles import Bundle
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.models import lineage_in, model_name, result_in, versions_of
from storage.promotions import Promotion, promoted_version
from tasks.ops.promotion import decision_on

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model; `metrics` are those on its own held-out rows, `metric` the one that decides."""

    number: int
    created: str
    recipe: str
    is_promoted: bool
    metric: str | None
    metrics: dict[str, float | None]
    decision: Promotion | None
    bytes: int
    card: Path


@dataclass(frozen=True, slots=True)
class Model:
    """A model and its versions, the newest first."""

    name: str
    promoted: int | None
    versions: tuple[ModelVersion, ...]


def model_report(folder: DatasetFolder) -> Model:
    """Return a model with all of its versions that can be read."""
    promoted = promoted_version(folder)
    number = promoted.number if promoted else None
    versions = tuple(_reported(folder, version, promoted=number) for version in versions_of(folder))
    return Model(model_name(folder), number, versions)


def promotion_text(decision: Promotion) -> str:
    """Return what was decided, as a sentence for a page or a terminal."""
    who = " by hand" if decision.by == "hand" else ""
    verdict = f"promoted{who}" if decision.is_granted else "registered, and not promoted"
    return f"Version {decision.version} is {verdict}: {decision.reason}."


def _reported(folder: DatasetFolder, version: Bundle, *, promoted: int | None) -> ModelVersion:
    recipe = dict(version.made_of).get("recipe", "")
    metric, metrics = None, {}
    try:
        lineage, held_out = lineage_in(folder, version), result_in(folder, version).held_out
    except DamagedDataset as error:
        logger.warning("figures of version %d of %s are missing: %s", version.number, model_name(folder), error)
    else:
        metric, metrics = lineage.metric and lineage.metric.name, held_out.metrics if held_out else {}
    return ModelVersion(
        number=version.number,
        created=version.created,
        recipe=recipe,
        is_promoted=version.number == promoted,
        metric=metric,
        metrics=metrics,
        decision=decision_on(folder, version),
        bytes=version.bytes,
        card=folder.objects / version.card.name,
    )
