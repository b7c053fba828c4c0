"""A person is told at once that a GPU is held; a run that a worker carries out waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from flows.feature_job import FeatureJob
from flows.restoring_job import RestoringJob
from flows.train_job import TrainJob


def waits(**changes: Any) -> set[int]:
    """Return the waits that the orders of all jobs have that may use a GPU."""
    roots = {"slow": Path("/slow"), "fast": Path("/fast"), **changes}
    train = TrainJob(recipe="superres", **roots)
    features = FeatureJob(dataset="photos", model="backbone@1", **roots)
    restoring = RestoringJob(dataset="pairs", **roots)
    return {train.order.device_wait, features.order(1, None).device_wait, restoring.order.device_wait}


def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Prefect's own way to say so where there is no worker.
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "0123")


def test_nobody_waits_at_the_terminal_unless_told():
    assert waits() == {0}
    assert waits(device_wait=30) == {30}


def test_a_deployed_run_waits_unless_told(monkeypatch: pytest.MonkeyPatch):
    deployed(monkeypatch)
    assert waits() == {600}
    assert waits(device_wait=0) == {0}


def test_the_training_process_is_told_in_each_case():
    roots = {"slow": Path("/slow"), "fast": Path("/fast"), "device_wait": 30}
    orders = (
        TrainJob(recipe="superres", **roots).order.device_arguments,
        FeatureJob(dataset="photos", model="backbone@1", **roots).order(1, None).arguments,
        RestoringJob(dataset="pairs", **roots).order.arguments,
    )
    for arguments in orders:
        assert arguments[arguments.index("--wait-for-device") + 1] == "30"


@pytest.mark.parametrize(
    ("kind", "told"),
    [(TrainJob, {"recipe": "gan"}), (FeatureJob, {"dataset": "a", "model": "b"}), (RestoringJob, {"dataset": "a"})],
)
def test_nobody_waits_for_less_than_no_time(kind: type[BaseModel], told: dict[str, str]):
    with pytest.raises(ValidationError, match="device_wait\n  Input should be greater than or equal to 0"):
        kind.model_validate({"slow": "/slow", "fast": "/fast", "device_wait": -1, **told})
