"""Decides whether a version becomes the one that is used: only if it is better than the one that is, measured anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.bundles import Bundle
from storage.errors import UnknownDataset, VersionConflict
from storage.layout import DatasetFolder
from storage.lineage import Metric
from storage.locking import dataset_lock
from storage.models import HeldOutFigures, lineage_in, model_name, require_whole_file, result_in
from storage.promotions import Promotion, next_promotion, promoted_version, promotions_of, record_promotion
from tasks.ops.model_card import figure_text

ATTEMPTS = 3
"""Who is beaten to a decision compares with the new incumbent; several times in a row is no accident."""

Measure = Callable[[Bundle], HeldOutFigures]
"""Measures the version that is used now on the held-out rows of the candidate."""


def decision_on(folder: DatasetFolder, version: Bundle) -> Promotion | None:
    """Return the newest decision on a version, None if there is none yet."""
    same = (version.number, version.identity)
    return next((each for each in promotions_of(folder) if (each.version, each.identity) == same), None)


def decide(folder: DatasetFolder, version: Bundle, measure: Measure) -> Promotion:
    """Promote `version` if none is promoted or it is better than the one that is; record and return the decision.

    Raises:
        VersionConflict: other versions were promoted all the time.
    """
    for attempt in range(ATTEMPTS):
        # The number before the incumbent: whoever promotes after this look takes it.
        number, incumbent = next_promotion(folder), promoted_version(folder)
        verdict = _judged(folder, version, incumbent, measure)
        decision = _promotion(folder, version, verdict, incumbent=incumbent, number=number)
        try:
            record_promotion(folder, decision)
        except VersionConflict:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        return decision
    raise AssertionError("the last attempt returned or raised")


def promote_by_hand(folder: DatasetFolder, version: Bundle, *, reason: str) -> Promotion:
    """Make `version` the one that is used, because a person says so; return the decision.

    Raises:
        DatasetLocked: a run is at work on the model's files.
        DamagedDataset: the weights are not those that were registered.
    """
    if not reason.strip():
        raise ValueError("say why this version is to be used: --reason TEXT")
    # Whoever collects garbage holds the lock: the version could go in the middle of this.
    with dataset_lock(folder):
        for file in version.files:
            require_whole_file(folder, version, file.name)
        number, incumbent = next_promotion(folder), promoted_version(folder)
        verdict = _Verdict(is_granted=True, by="hand", reason=reason.strip())
        decision = _promotion(folder, version, verdict, incumbent=incumbent, number=number)
        record_promotion(folder, decision)
    return decision


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Whether a version is promoted, who says so and why; `compared_value` is the incumbent's, measured anew."""

    is_granted: bool
    by: str
    reason: str
    compared_value: float | None = None


def _judged(folder: DatasetFolder, version: Bundle, incumbent: Bundle | None, measure: Measure) -> _Verdict:
    metric, value = _metric_of(folder, version), _own_value(folder, version)
    compared = measure(incumbent) if metric and incumbent and incumbent.number != version.number else None
    compared_value = compared.metrics.get(metric.name) if compared and metric else None
    is_granted, reason = _comparison(folder, metric, value, incumbent, compared_value)
    return _Verdict(is_granted, "training", reason, compared_value)


def _promotion(
    folder: DatasetFolder, version: Bundle, verdict: _Verdict, *, incumbent: Bundle | None, number: int
) -> Promotion:
    metric = _metric_of(folder, version)
    return Promotion(
        number=number,
        version=version.number,
        identity=version.identity,
        is_granted=verdict.is_granted,
        metric=metric.name if metric else "",
        value=_own_value(folder, version),
        compared_with=incumbent.number if incumbent else None,
        compared_value=verdict.compared_value,
        by=verdict.by,
        reason=verdict.reason,
        created=_now(),
    )


def _comparison(
    folder: DatasetFolder,
    metric: Metric | None,
    value: float | None,
    incumbent: Bundle | None,
    compared_value: float | None,
) -> tuple[bool, str]:
    """Return whether a version is promoted, and the sentence that says why."""
    if metric is None and incumbent is None:
        return True, "it is the first"
    if metric is None:
        by_hand = f"imagemill models promote {model_name(folder)} VERSION --reason WHY"
        return False, f"the recipe does not measure finished models; to promote it by hand: {by_hand}"
    if incumbent is None:
        is_number = metric.is_better(value, None)
        return is_number, "it is the first" if is_number else f"its {metric.name} is no number"
    is_better = metric.is_better(value, compared_value)
    figures = f"{metric.name} {figure_text(value)} against {figure_text(compared_value)} of version {incumbent.number}"
    return is_better, f"it is {'better' if is_better else 'not better'}: {figures} on the same held-out rows"


def _metric_of(folder: DatasetFolder, version: Bundle) -> Metric | None:
    return lineage_in(folder, version).metric


def _own_value(folder: DatasetFolder, version: Bundle) -> float | None:
    """Return the figure that decides, as it was measured when the run ended."""
    metric, held_out = _metric_of(folder, version), result_in(folder, version).held_out
    if metric is None or held_out is None:
        return None
    if metric.name not in held_out.metrics:
        raise UnknownDataset(f"version {version.number} of {folder.name} was registered without its {metric.name}")
    return held_out.metrics[metric.name]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
