"""Copies of what was published, on the fast root, for who reads it at random."""

from __future__ import annotations

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE

from storage.publishing import AnyVersion
from storage.staging import stage
from storage.tiers import Access, Tiers

logger = logging.getLogger(__name__)


def stage_for_reading(tiers: Tiers, dataset: str, version: AnyVersion, *, access: Access) -> None:
    """Copy what the fast root lacks of a version, if it will be read at random and there are two roots."""
    if access == "random" and tiers.is_split:
        stage_version(tiers, dataset, version)


@task(name="stage-version", cache_policy=NO_CACHE)
def stage_version(tiers: Tiers, dataset: str, version: AnyVersion) -> int:
    """Copy the objects of a version to the fast root; return the bytes that were copied.

    The fast root is a convenience: where it fails, the version stands published all the same.
    """
    try:
        return stage(tiers, dataset, version.objects).copied
    except OSError as error:
        logger.warning(
            "%s: version %d is published, but was not copied to %s, and is read from %s until that is done with: "
            "imagemill stage %s (%s)",
            dataset,
            version.number,
            tiers.fast,
            tiers.slow,
            dataset,
            error,
        )
        return 0
