"""Two pictures of each row, one to learn from and one to come to: of pairs, or two sizes of one published version."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from storage.errors import UnknownDataset
from storage.lineage import Origin
from storage.pair_versions import BAD, GOOD, PairVersion
from storage.publishing import current_published, read_published
from storage.reading import OpenVersion, open_pairs, open_version
from storage.records import fingerprint
from storage.tiers import Tiers
from training.sources import PickedRows, Source, StoredRows, split_rows

LARGE, SMALL = "large", "small"
"""What the pictures of a row are called in a source: the good one, and the bad one."""


class PictureSettings(Protocol):
    """What the settings of a recipe say of the pictures: fields of its `Config`."""

    @property
    def dataset(self) -> str: ...

    @property
    def slow(self) -> Path: ...

    @property
    def fast(self) -> Path | None: ...

    @property
    def version(self) -> int | None: ...

    @property
    def large(self) -> int: ...

    @property
    def small(self) -> int: ...

    @property
    def test_rows(self) -> int: ...


def tiers_of(settings: PictureSettings) -> Tiers:
    """Return the roots that settings name."""
    return Tiers(settings.slow, settings.fast or settings.slow)


def opened_pictures(settings: PictureSettings, resources: ExitStack) -> tuple[Source, OpenVersion]:
    """Open the pictures that settings name; raise as `open_picture_pairs` does."""
    return open_picture_pairs(
        tiers_of(settings),
        settings.dataset,
        number=settings.version,
        large=settings.large,
        small=settings.small,
        resources=resources,
    )


def learnt_and_held_out(settings: PictureSettings, resources: ExitStack) -> tuple[Source, Source]:
    """Open the pictures that settings name; return the rows of "train", and the first of "test", which are measured."""
    pairs, version = opened_pictures(settings, resources)
    learnt, held_out = (split_rows(version, split) for split in ("train", "test"))
    return PickedRows(pairs, learnt), PickedRows(pairs, held_out[: settings.test_rows])


def current_pictures(settings: PictureSettings) -> int:
    """Return the number of the version that settings name, that of the current one where they name none."""
    with ExitStack() as resources:
        return opened_pictures(settings, resources)[1].version.number


def picture_origins(settings: PictureSettings) -> list[Origin]:
    """Return the version of the rows, and the recipe of the bad pictures if they are pairs."""
    with ExitStack() as resources:
        version = opened_pictures(settings, resources)[1].version
    found = [Origin("rows", settings.dataset, version.number, version.identity)]
    if isinstance(version, PairVersion):
        found.append(Origin("pair recipe", version.recipe_name, None, fingerprint(version.recipe)))
    return found


def defects_of(version: OpenVersion) -> tuple[str, ...]:
    """Return the defects of the bad pictures by name, in their order; none where they are only smaller, or no pairs."""
    found = version.version
    if not isinstance(found, PairVersion):
        return ()
    return tuple(step["defect"] for step in json.loads(found.recipe).get("defects", ()))


def open_picture_pairs(
    tiers: Tiers, dataset: str, *, number: int | None, large: int, small: int, resources: ExitStack
) -> tuple[StoredRows, OpenVersion]:
    """Open a version of `dataset`; return the pictures of its rows at `large` and at `small` pixels, and the version.

    Raises:
        UnknownDataset: there is no such dataset or version, or it has other sizes.
    """
    folder = tiers.authority(dataset)
    found = current_published(folder) if number is None else read_published(folder, number)
    if not isinstance(found, PairVersion):
        version = resources.enter_context(open_version(tiers, dataset, number=number))
        return StoredRows({SMALL: version.rows(small), LARGE: version.rows(large)}), version
    if found.sides != (large, small):
        raise UnknownDataset(
            f"{dataset} has pairs of {found.sides[GOOD]} and {found.sides[BAD]} pixels, not of {large} and {small}: "
            f"set large = {found.sides[GOOD]} and small = {found.sides[BAD]}, or make other pairs"
        )
    pairs = resources.enter_context(open_pairs(tiers, dataset, number=number))
    return StoredRows({SMALL: pairs.array(BAD), LARGE: pairs.array(GOOD)}), pairs
