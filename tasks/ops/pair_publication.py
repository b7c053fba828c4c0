"""From a published version and a recipe to the jobs of its pairs, and from their receipts to a published version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.pair_versions import PairOrigin, PairParameters, PairVersion, RowVersion, current_pairs
from storage.publishing import publish
from storage.reading import OpenVersion
from storage.receipts import StoredObject, find_receipt, is_present, published_receipt, read_receipt
from storage.sharing import share_object
from storage.spares import ensure_spare, restored_from_spare
from storage.tiers import Tiers
from storage.versions import Version, VersionShard, next_number, version_identity
from tasks.ops.pair_building import PairShardJob
from tasks.ops.pair_recipe import PairRecipe, bad_side
from tasks.ops.pair_recipe_tables import canonical_form
from tasks.ops.pair_report import pair_sheet, pairs_card
from tasks.ops.pixel_libraries import pair_libraries
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.row_restorer import RowRestorer

Maker = TypeVar("Maker", PairRecipe, RowRestorer)
Rows = TypeVar("Rows", bound=RowVersion)


@dataclass(frozen=True, slots=True)
class PairPlan(Generic[Maker]):
    """Which pairs are to be made of what: `keys` names the pairs of each shard of the origin, in order."""

    origin: PairOrigin
    recipe: Maker
    parameters: PairParameters
    keys: tuple[str, ...]

    def identity(self, classes: tuple[str, ...]) -> str:
        """Return the identity that the finished version will have."""
        return version_identity(self.keys, classes)


def plan_pairs(origin: Version, dataset: str, recipe: PairRecipe, *, side: int) -> PairPlan[PairRecipe]:
    """Fix what decides the pairs of `origin`, a version of `dataset`, at `side` pixels.

    Raises:
        ValueError: the recipe does not fit images of that size.
    """
    parameters = PairParameters(
        recipe=canonical_form(recipe),
        libraries=pair_libraries(),
        array_format=origin.array_format,
        good_side=side,
        bad_side=bad_side(recipe, side),
    )
    keys = tuple(parameters.shard_identity(shard) for shard in origin.shards)
    return PairPlan(PairOrigin(dataset, origin.number, origin.identity, side), recipe, parameters, keys)


def pair_jobs(
    tiers: Tiers, folder: DatasetFolder, plan: PairPlan[PairRecipe], opened: OpenVersion[Version], scratch: Path
) -> Iterator[PairShardJob]:
    """Yield what a worker needs to know for each shard of the origin that has no receipt yet."""
    version, authority = opened.version, tiers.authority(plan.origin.dataset)
    place = version.sides.index(plan.origin.side)
    starts = accumulate((shard.rows for shard in version.shards), initial=0)
    for shard, key, first in zip(version.shards, plan.keys, starts, strict=False):
        if find_receipt(folder, key) is not None:
            continue
        rows = slice(first, first + shard.rows)
        arrays = published_receipt(authority, shard.key, shard.identity).arrays
        yield PairShardJob(
            folder=folder,
            scratch=scratch,
            key=key,
            origin=authority,
            good=arrays[place] if arrays else None,
            array_format=version.array_format,
            recipe=plan.recipe,
            bad_side=plan.parameters.bad_side,
            labels=np.ascontiguousarray(opened.labels[rows]),
            ids=np.ascontiguousarray(opened.ids[rows]),
            sources=opened.sources(rows),
        )


def publish_pairs(
    tiers: Tiers,
    folder: DatasetFolder,
    plan: PairPlan[PairRecipe] | PairPlan[RowRestorer],
    opened: OpenVersion[Rows],
    figures: BuildFigures,
    *,
    scratch: Path,
) -> tuple[PairVersion, bool]:
    """Publish what the receipts of a plan prove; return the version that holds it, and whether it is new.

    Raises:
        FileNotFoundError: a shard is not done.
        VersionConflict: another run published other content meanwhile.
    """
    shards = tuple(_shard(folder, key) for key in plan.keys)
    share_object(tiers.authority(plan.origin.dataset), folder, opened.version.table, scratch)
    current = current_pairs(folder)
    draft = _draft(folder, plan, opened, current, shards=shards)
    if current is None or current.identity != draft.identity:
        # The card of a version that will not be published would be garbage.
        draft = replace(draft, card=_stored_card(tiers, folder, draft, plan.recipe, figures, scratch))
    version, is_new = publish(folder, draft)
    if not is_present(folder, version.card):
        # All else of a version comes back when it is built again.
        restored_from_spare(folder, version.card, scratch)
    ensure_spare(folder, version, scratch)
    return version, is_new


def _draft(
    folder: DatasetFolder,
    plan: PairPlan[PairRecipe] | PairPlan[RowRestorer],
    opened: OpenVersion[Rows],
    current: PairVersion | None,
    *,
    shards: tuple[VersionShard, ...],
) -> PairVersion:
    """Return the version as it would be published, but for its card."""
    return PairVersion(
        number=next_number(folder),
        parent=current.number if current else None,
        identity=plan.identity(opened.classes),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        origin=plan.origin,
        recipe_name=plan.recipe.name,
        recipe=plan.parameters.recipe,
        libraries=plan.parameters.libraries,
        array_format=plan.parameters.array_format,
        bad_side=plan.parameters.bad_side,
        classes=opened.classes,
        stored=sum(shard.rows for shard in shards),
        bytes=sum(stored.bytes for shard in shards for stored in shard.objects),
        shards=shards,
        table=opened.version.table,
        # Drawn from the version itself, which then gets its own.
        card=opened.version.table,
    )


def is_whole(folder: DatasetFolder, version: PairVersion) -> bool:
    """Tell whether every receipt and every object of a version are on disk; their bytes are left to `verify`."""
    proved = all(find_receipt(folder, shard.key) is not None for shard in version.shards)
    return proved and all(is_present(folder, stored) for stored in version.objects)


def _shard(folder: DatasetFolder, key: str) -> VersionShard:
    receipt = read_receipt(folder, key)
    return VersionShard(key, receipt.identity, receipt.rows, tuple(array.stored for array in receipt.arrays))


def _stored_card(
    tiers: Tiers,
    folder: DatasetFolder,
    draft: PairVersion,
    recipe: PairRecipe | RowRestorer,
    figures: BuildFigures,
    scratch: Path,
) -> StoredObject:
    with OpenVersion(tiers, folder.name, draft, access="sequential", check=True) as opened:
        sheet = pair_sheet(opened)
    path = scratch / "card.md"
    path.write_text(pairs_card(folder.name, draft, recipe, figures, sheet), encoding="utf-8")
    return store_object(folder, path, prefix="card", suffix=".md")
