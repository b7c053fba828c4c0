"""Rows that a model restored, as Prefect tasks."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.ops.restoring_order import RestoredRows, RestoringOrder, restored


@task(name="restore-pair-rows", task_run_name="restore-{order.dataset}", cache_policy=NO_CACHE)
def restore_pair_rows(order: RestoringOrder) -> RestoredRows:
    """Restore in the training process the shards that have no receipt, and publish all."""
    return restored(order)
