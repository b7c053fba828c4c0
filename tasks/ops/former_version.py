"""What a new plan builds on: the current version of the dataset, and whether it still stands whole."""

from __future__ import annotations

import logging

from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.plans import PlanSettings, read_plan, read_shuffled, require_whole_plan
from storage.receipts import find_receipt, is_present
from storage.versions import Version
from tasks.ops.planning import Former

logger = logging.getLogger(__name__)


def former_of(folder: DatasetFolder, current: Version | None, settings: PlanSettings) -> Former | None:
    """Return what the current version was planned from, if a plan with `settings` may build on it."""
    if current is None:
        return None
    try:
        plan = read_plan(folder, current.plan)
        shuffled = read_shuffled(folder, current.plan)
    except (DamagedDataset, FileNotFoundError) as error:
        # Receipts still say what is done; only the arrangement of former shards is lost.
        logger.warning("planning afresh, the plan of version %d is lost: %s", current.number, error)
        return None
    return Former(plan, shuffled) if plan.settings == settings else None


def is_whole(folder: DatasetFolder, version: Version) -> bool:
    """Tell whether the plan, every receipt and every object of a version are on disk.

    The objects' content is for `verify`.
    """
    try:
        require_whole_plan(folder, version.plan)
    except (DamagedDataset, FileNotFoundError) as error:
        logger.warning("the plan of version %d is written anew: %s", version.number, error)
        return False
    receipts = (find_receipt(folder, shard.key) for shard in version.shards)
    proved = all(
        receipt is not None and receipt.identity == shard.identity
        for receipt, shard in zip(receipts, version.shards, strict=True)
    )
    return proved and all(is_present(folder, stored) for stored in version.objects)
