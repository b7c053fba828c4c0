"""Rows that a model restored, as Prefect tasks."""

from __future__ import annotations

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.ops.restoring_order import RestoringOrder
from tasks.ops.row_process import RowLine, published_rows
from tasks.row_progress import RowProgress
from tasks.training import is_preempted

logger = logging.getLogger(__name__)


@task(
    name="restore-pair-rows",
    task_run_name="restore-{order.dataset}",
    cache_policy=NO_CACHE,
    retry_condition_fn=is_preempted,
    retries=5,
    retry_delay_seconds=2,
)
def restore_pair_rows(order: RestoringOrder) -> RowLine:
    """Have the rows restored that are missing, and all published; after a preemption it goes on."""
    with RowProgress(order.name, doing="restoring rows") as progress:
        found = published_rows(order.arguments, on_line=progress.show)
    logger.info("version %s, %d shards restored", found.version, found.computed)
    return found
