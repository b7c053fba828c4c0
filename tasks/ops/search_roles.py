"""Which classes a model learnt from, and which it never saw, where its settings name a published split."""

from __future__ import annotations

import logging

from storage.class_splits import SEEN, UNSEEN, open_class_splits
from storage.errors import UnknownDataset
from storage.tiers import Tiers
from tasks.ops.search_model import SearchModel

logger = logging.getLogger(__name__)


def class_roles(tiers: Tiers, model: SearchModel) -> dict[str, str]:
    """Return "seen" or "unseen" for each class of the split that `model` was kept to; nothing where there is none.

    To search without knowing is better than not to search: a split that is gone is a warning.
    """
    if model.splits is None or model.split is None:
        return {}
    try:
        with open_class_splits(tiers, model.splits.name, number=model.splits.version) as opened:
            split = opened.split(model.split)
    except UnknownDataset as error:
        logger.warning("which classes %s has seen is not told: %s", model.reference, error)
        return {}
    roles = zip(split.names, split.roles.tolist(), strict=True)
    return {name: role for name, role in roles if role in (SEEN, UNSEEN)}
