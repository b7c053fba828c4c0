"""What stands below a root: datasets, versions, bytes, refused, and what an unfinished run has done so far."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from storage.datasets import find_datasets, kind_of, require_own_parts
from storage.errors import DamagedDataset, UnreadableRecord
from storage.layout import DatasetFolder
from storage.pair_versions import PAIRS, RowVersion, read_pair_version
from storage.plans import read_plan
from storage.publishing import AnyVersion, current_published
from storage.receipts import find_receipt, is_present
from storage.tiers import Tiers
from storage.versions import Version, version_numbers

logger = logging.getLogger(__name__)

_KEY = re.compile(r"[0-9a-f]{16,64}")


@dataclass(frozen=True, slots=True)
class UnfinishedPlan:
    """A plan without a version: how many of its shards have a receipt."""

    plan: str
    shards: int
    built: int
    listed: int


@dataclass(frozen=True, slots=True)
class UnfinishedPairs:
    """Shards of pairs with a receipt that no version holds, and how many pairs they have.

    How many are to come is not known: pairs have no plan, their recipe comes with each command. Receipts of a run that
    was given up, or of a version that was removed, count until `gc` collects them.
    """

    built: int
    pairs: int


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """One dataset as it stands; figures are those of its current version, 0 where there is none.

    `array_format` is that of images; of other files it says what they are.
    """

    name: str
    versions: tuple[int, ...]
    current: int | None
    created: str
    sides: tuple[int, ...]
    array_format: str
    classes: int
    stored: int
    refused: int
    bytes: int
    staged_bytes: int
    unfinished: tuple[UnfinishedPlan, ...]
    unfinished_pairs: UnfinishedPairs | None = None


def dataset_statuses(tiers: Tiers) -> list[DatasetStatus]:
    """Return the status of every dataset below the slow root."""
    found = []
    for folder in find_datasets(tiers.slow):
        try:
            require_own_parts(folder)
        except DamagedDataset as error:
            # The others are still to be listed.
            logger.warning("the dataset %s is passed over: %s", folder.name, error)
        else:
            found.append(_status(tiers, folder))
    return found


def _status(tiers: Tiers, folder: DatasetFolder) -> DatasetStatus:
    published = current_published(folder)
    cache = tiers.cache(folder.name)
    staged = (
        [stored for stored in published.objects if is_present(cache, stored)] if published and tiers.is_split else []
    )
    # What only images have, and what pairs have, too.
    version = published if isinstance(published, Version) else None
    rows = published if isinstance(published, RowVersion) else None
    return DatasetStatus(
        name=folder.name,
        versions=tuple(version_numbers(folder)),
        current=published.number if published else None,
        created=published.created if published else "",
        sides=rows.sides if rows else (),
        array_format=_format_of(published),
        classes=len(rows.classes) if rows else 0,
        stored=rows.stored if rows else 0,
        refused=version.refused if version else 0,
        bytes=published.bytes if published else 0,
        staged_bytes=sum(stored.bytes for stored in staged),
        unfinished=tuple(_unfinished(folder)),
        unfinished_pairs=_unfinished_pairs(folder),
    )


def _format_of(published: AnyVersion | None) -> str:
    if published is None:
        return ""
    return published.array_format if isinstance(published, RowVersion) else published.kind


def _unfinished(folder: DatasetFolder) -> list[UnfinishedPlan]:
    """Return the plans whose receipts are not complete, the newest first."""
    place = folder.path / "plans"
    plans = [path for path in (place.iterdir() if place.is_dir() else ()) if not path.name.endswith(".partial")]
    found = []
    for path in sorted(plans, key=lambda path: path.lstat().st_mtime_ns, reverse=True):
        try:
            plan = read_plan(folder, path.name)
        except (DamagedDataset, FileNotFoundError) as error:
            logger.warning("a plan is passed over: %s", error)
            continue
        built = sum(find_receipt(folder, shard.key) is not None for shard in plan.shards)
        if built < len(plan.shards):
            found.append(UnfinishedPlan(path.name, len(plan.shards), built, plan.listed))
    return found


def _unfinished_pairs(folder: DatasetFolder) -> UnfinishedPairs | None:
    place = folder.path / "receipts"
    try:
        if kind_of(folder) != PAIRS or not place.is_dir():
            return None
        versions = [read_pair_version(folder, number) for number in version_numbers(folder)]
    except (DamagedDataset, UnreadableRecord) as error:
        logger.warning("which receipts of %s are of an unfinished run cannot be told: %s", folder.name, error)
        return None
    published = {shard.key for version in versions for shard in version.shards}
    found = {path.stem for path in place.iterdir() if _KEY.fullmatch(path.stem)}
    receipts = (find_receipt(folder, key) for key in sorted(found - published))
    rows = [receipt.rows for receipt in receipts if receipt is not None]
    return UnfinishedPairs(len(rows), sum(rows)) if rows else None
