"""Which version of a model is to be used: numbered decisions, each created only if absent. There is no "current" file.

The highest valid decision that was granted counts. Refusing is recorded, too: a worse model stays known as worse, and
is not measured again. Each record has a copy among the spares, written after it.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from storage.bundles import Bundle, read_bundle
from storage.durable import sync_folder
from storage.errors import DamagedDataset, UnknownDataset, VersionConflict
from storage.layout import DatasetFolder
from storage.records import create_record, read_record

logger = logging.getLogger(__name__)

KEPT_PROMOTIONS = 3
"""The versions of so many promotions, the newest, are never collected: there is one to go back to."""
KIND = "promotion"

_NAME = re.compile(r"([0-9]{8})\.json")
_COPY = re.compile(r"promotion-([0-9]{8})\.json")


@dataclass(frozen=True, slots=True)
class Promotion:
    """One decision on whether `version`, with its `identity`, is the one to use from then on.

    `metric` names the figure that decided, `value` is that of the version, and `compared_value` that of the version
    `compared_with`, the one promoted before, both on the same rows; None where there was none, or a person decided.
    `by` is "training" or "hand".
    """

    number: int
    version: int
    identity: str
    is_granted: bool
    metric: str
    value: float | None
    compared_with: int | None
    compared_value: float | None
    by: str
    reason: str
    created: str


def promotion_numbers(folder: DatasetFolder) -> list[int]:
    """Return the numbers of the promotions on disk, and of those of which the copy alone is left, ascending."""
    return sorted({*_numbers(folder.promotions, _NAME), *_numbers(folder.spares, _COPY)})


def read_promotion(folder: DatasetFolder, number: int) -> Promotion:
    """Read one promotion, from its copy where the record is damaged or lost.

    Raises:
        DamagedDataset: neither is what was written.
    """
    try:
        return _read(folder.promotion(number), number)
    except (DamagedDataset, FileNotFoundError) as error:
        copy = folder.promotion_copy(number)
        try:
            found = _read(copy, number)
        except FileNotFoundError:
            path = folder.promotion(number)
            raise DamagedDataset(f"{path} is lost or damaged, and there is no copy of it", path=path) from error
        logger.warning("promotion %d is read from %s: %s", number, copy, error)
        return found


def require_whole_promotion(folder: DatasetFolder, number: int) -> None:
    """Check the record of a promotion, not its copy.

    Raises:
        FileNotFoundError: it is missing.
        DamagedDataset: it is not what was written.
    """
    _read(folder.promotion(number), number)


def promotions_of(folder: DatasetFolder) -> list[Promotion]:
    """Return all valid promotions, the newest first; a damaged one is passed over with a warning."""
    found = []
    for number in reversed(promotion_numbers(folder)):
        try:
            found.append(read_promotion(folder, number))
        except DamagedDataset as error:
            logger.warning("promotion %d is passed over: %s", number, error)
    return found


def promoted_version(folder: DatasetFolder) -> Bundle | None:
    """Return the version that is to be used, None where none was ever promoted.

    A promotion whose version is damaged, or another than was promoted, is passed over with a warning.
    """
    for promotion in promotions_of(folder):
        if not promotion.is_granted:
            continue
        try:
            version = read_bundle(folder, promotion.version)
        except (DamagedDataset, UnknownDataset) as error:
            logger.warning("promotion %d is passed over: %s", promotion.number, error)
            continue
        if version.identity == promotion.identity:
            return version
        logger.warning(
            "promotion %d is passed over: version %d is another than was promoted", promotion.number, promotion.version
        )
    return None


def next_promotion(folder: DatasetFolder) -> int:
    """Return the number that the next promotion will have."""
    return max(promotion_numbers(folder), default=0) + 1


def record_promotion(folder: DatasetFolder, promotion: Promotion) -> None:
    """Write a decision under its number, which was the next one when what it compares with was looked up.

    Raises:
        VersionConflict: another was written meanwhile.
    """
    folder.promotions.mkdir(exist_ok=True)
    sync_folder(folder.path)
    path = folder.promotion(promotion.number)
    is_taken = promotion.number in promotion_numbers(folder)
    if is_taken or not create_record(path, KIND, promotion):
        raise VersionConflict(
            f"{path}: another promotion was decided meanwhile, and this one compared with what was promoted before it",
            path=path,
            remedy="run again to compare with what is promoted now",
        )
    ensure_promotion_copies(folder)


def ensure_promotion_copies(folder: DatasetFolder) -> None:
    """Write the copy of each valid promotion that has none."""
    copied = _numbers(folder.spares, _COPY)
    for number in set(_numbers(folder.promotions, _NAME)) - copied:
        try:
            promotion = _read(folder.promotion(number), number)
        except DamagedDataset as error:
            logger.warning("promotion %d is not copied: %s", number, error)
            continue
        create_record(folder.promotion_copy(number), KIND, promotion)


def copied_promotions(folder: DatasetFolder) -> set[int]:
    """Return the numbers of the promotions that have a copy; no content is read."""
    return _numbers(folder.spares, _COPY)


def is_copy(path: Path) -> bool:
    """Tell whether a file among the spares is the copy of a promotion."""
    return _COPY.fullmatch(path.name) is not None


def needed_versions(folder: DatasetFolder) -> set[int]:
    """Return the versions that the newest granted promotions name: the one in use, and those to go back to."""
    granted = [promotion.version for promotion in promotions_of(folder) if promotion.is_granted]
    return set(list(dict.fromkeys(granted))[:KEPT_PROMOTIONS])


def _read(path: Path, number: int) -> Promotion:
    found = read_record(path, KIND, Promotion)
    if found.number != number:
        raise DamagedDataset(f"{path} is the record of another promotion", path=path, need=number, have=found.number)
    return found


def _numbers(folder: Path, name: re.Pattern[str]) -> set[int]:
    if not folder.is_dir():
        return set()
    return {int(found[1]) for path in folder.iterdir() if (found := name.fullmatch(path.name))}
