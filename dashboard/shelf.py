"""What lies below the roots: every dataset with the state it is in, one line each, and who stands on whom."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.attempts import attempted
from dashboard.catalogue import place_of_thumbnails
from storage.bundles import Bundle
from storage.check_notes import CheckNote, check_notes
from storage.datasets import find_datasets, kind_of, require_own_parts
from storage.errors import DatasetError
from storage.features import FEATURES
from storage.layout import DatasetFolder
from storage.models import MODELS, lineage_in, model_name, versions_of
from storage.pair_versions import BAD, PAIRS, PairVersion, RowVersion
from storage.promotions import promoted_version
from storage.publishing import AnyVersion, current_published
from storage.receipts import is_present
from storage.tiers import Tiers
from storage.versions import Version, version_numbers
from storage.word_maps import CLASSES, WORDS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShelfLine:
    """One dataset: its kind, its current version, and what of it is on the fast disk. `problem` says why not, if so.

    `rows` and `refused` are None where such a dataset has none; `bytes` are those of the current version, and
    `staged` is the share of them that has a copy on the fast disk, in [0, 1], None where there is one disk only.
    """

    name: str
    kind: str
    versions: tuple[int, ...]
    current: int | None
    created: str
    rows: int | None
    classes: int
    refused: int | None
    sides: tuple[int, ...]
    array_format: str
    bytes: int
    staged: float | None
    identity: str
    checks: tuple[CheckNote, ...]
    problem: str

    @property
    def place(self) -> int:
        """Return which of its sizes small pictures are made of."""
        return BAD if self.kind == PAIRS else place_of_thumbnails(self.sides)


@dataclass(frozen=True, slots=True)
class Use:
    """Something that was made of a version of a dataset: `what` it is to whoever it was made for."""

    name: str
    number: int
    kind: str
    what: str
    of_version: int | None
    is_promoted: bool = False


def shelf_lines(tiers: Tiers) -> tuple[ShelfLine, ...]:
    """Return a line for each dataset below the slow root, models left out, sorted by name."""
    return tuple(shelf_line(tiers, folder) for folder in find_datasets(tiers.slow) if not _is_model(folder))


def shelf_line(tiers: Tiers, folder: DatasetFolder) -> ShelfLine:
    """Return the line of one dataset; what cannot be read is told in it, and nothing is raised."""
    try:
        require_own_parts(folder)
        published, kind, problem = current_published(folder), kind_of(folder), ""
    except (DatasetError, OSError) as error:
        logger.warning("%s cannot be read: %s", folder.path, error)
        return ShelfLine(folder.name, "?", (), None, "", None, 0, None, (), "", 0, None, "", (), str(error))
    numbers = tuple(version_numbers(folder))
    if published is not None and numbers[-1:] != (published.number,):
        problem = f"version {numbers[-1]} is damaged, version {published.number} stands in; run: imagemill repair"
    staged, unread = attempted(lambda: published and staged_share(tiers, folder.name, published), otherwise=None)
    version = published if isinstance(published, Version) else None
    rows = published if isinstance(published, RowVersion) else None
    return ShelfLine(
        name=folder.name,
        kind=kind,
        versions=numbers,
        current=published.number if published else None,
        created=published.created if published else "",
        rows=rows.stored if rows else None,
        classes=len(rows.classes) if rows else 0,
        refused=version.refused if version else None,
        sides=rows.sides if rows else (),
        array_format=rows.array_format if rows else "",
        bytes=published.bytes if published else 0,
        staged=staged,
        identity=published.identity[:16] if published else "",
        checks=check_notes(folder),
        problem=problem or unread,
    )


def staged_share(tiers: Tiers, dataset: str, published: AnyVersion) -> float | None:
    """Return the share of a version's bytes that has a copy on the fast disk; None where there is one disk only."""
    if not tiers.is_split:
        return None
    cache = tiers.cache(dataset)
    staged = sum(stored.bytes for stored in published.objects if is_present(cache, stored))
    return staged / max(sum(stored.bytes for stored in published.objects), 1)


def shards_staged(tiers: Tiers, dataset: str, version: RowVersion) -> list[bool]:
    """Return for each shard whether all of it has a copy on the fast disk."""
    cache = tiers.cache(dataset)
    return [
        tiers.is_split and all(is_present(cache, stored) for stored in shard.objects)
        for shard in version.shards
        if shard.rows
    ]


def uses_of(tiers: Tiers, dataset: str) -> tuple[Use, ...]:
    """Return what was made of a dataset, the newest version of each: pairs, word maps, features, models."""
    found: list[Use] = []
    for folder in find_datasets(tiers.slow):
        try:
            found += _model_uses(folder, dataset) if _is_model(folder) else _data_uses(folder, dataset)
        except (DatasetError, OSError) as error:
            logger.warning("what %s is made of cannot be told: %s", folder.name, error)
    return tuple(found)


def _data_uses(folder: DatasetFolder, dataset: str) -> Iterator[Use]:
    published = current_published(folder)
    if isinstance(published, PairVersion) and published.origin.dataset == dataset:
        yield Use(folder.name, published.number, "pairs", "pairs made of its rows", published.origin.number)
    elif isinstance(published, Bundle):
        if published.kind == WORDS and any(file.name == f"{CLASSES}{dataset}.npy" for file in published.files):
            yield Use(folder.name, published.number, "words", "vectors of its classes", None)
        elif published.kind == FEATURES and folder.name.startswith(f"{FEATURES}-{dataset}-"):
            yield Use(folder.name, published.number, "features", "an index of its rows", None)


def _model_uses(folder: DatasetFolder, dataset: str) -> Iterator[Use]:
    promoted = promoted_version(folder)
    for version in versions_of(folder):
        for origin in lineage_in(folder, version).origins:
            if origin.name == dataset:
                is_promoted = promoted is not None and promoted.number == version.number
                yield Use(model_name(folder), version.number, "models", origin.role, origin.version, is_promoted)


def _is_model(folder: DatasetFolder) -> bool:
    try:
        return kind_of(folder) == MODELS
    except (DatasetError, OSError):
        return False
